//! What the parts of `read` promise together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod array;
mod formats;
mod lines;
mod names;
mod round_trip;
mod write;

use super::{Format, ReadOptions, Rejected, read_lines};
use crate::batch::{Batch, Role};

/// Every row as `id|role: text|…`, with `+n` for parts that are no text.
pub(super) fn render(batch: &Batch) -> Vec<String> {
    let row = |row: usize| {
        let id = batch.id(row).map_or("-".to_owned(), |id| String::from_utf8(id.to_vec()).unwrap());
        let rendered = batch.turns(row).fold(id, |row, (role, text)| {
            format!("{row}|{}: {}", Role::NAMES[role as usize], std::str::from_utf8(text).unwrap())
        });
        match batch.non_text_parts[row] {
            0 => rendered,
            parts => format!("{rendered}+{parts}"),
        }
    };
    (0..batch.len()).map(row).collect()
}

/// Rows and rejections of whole lines at the start of a source.
pub(super) fn read(format: Format, bytes: &[u8]) -> (Batch, Vec<Rejected>, u64) {
    let (mut batch, mut rejected) = (Batch::default(), Vec::new());
    let options = ReadOptions { format, max_line_bytes: 1 << 20 };
    let lines = read_lines(bytes, 0, 0, &options, &mut batch, &mut rejected);
    (batch, rejected, lines)
}

/// The only row of a line, or `reason: detail`.
pub(super) fn one(format: Format, line: &str) -> String {
    let (batch, rejected, lines) = read(format, line.as_bytes());
    assert_eq!((lines, batch.len() + rejected.len()), (1, 1));
    match rejected.first() {
        Some(rejected) => format!("{}: {}", rejected.reason.name(), rejected.detail),
        None => render(&batch).remove(0),
    }
}
