//! Which format a file has.

use super::fields::{Fields, Key};
use super::format::Format;
use super::instruction::{answer_key, conversations_beside, is_blank, is_dialogue};
use super::lines::trim;
use super::row::Row;
use crate::json::{Tape, scan};

/// Rows that are looked at.
const SAMPLE: usize = 100;

/// The format of a file, from complete lines of its beginning, of which up to 100 rows are looked at.
///
/// Rows of one shape give that format. Rows of `alpaca` and of `belle` together give `belle`, which holds both; other
/// shapes together give `mixed`. Lines that are no objects, and objects of no known shape, do not count. Nothing but
/// preference data gives `mixed`, so that each row is rejected under that name; nothing known at all gives `None`.
#[must_use]
pub fn detect_format(sample: &[u8]) -> Option<Format> {
    let sample = sample.strip_prefix("\u{feff}".as_bytes()).unwrap_or(sample);
    let mut tape = Tape::new();
    let mut found: Option<Format> = None;
    let mut preference = false;
    let mut seen = 0;
    for line in sample.split(|&byte| byte == b'\n') {
        let (start, end) = trim(line, 0, line.len());
        let line = &line[start..end];
        if line.is_empty() || std::str::from_utf8(line).is_err() || scan(line, &mut tape).is_err() {
            continue;
        }
        let mut fields = Fields::default();
        let Ok(row) = Row::new(line, &tape, &mut fields) else { continue };
        seen += 1;
        if let Some(shape) = shape(&row) {
            found = Some(found.map_or(shape, |before| together(before, shape)));
        } else {
            preference |= row.fields.better || row.fields.worse;
        }
        if seen == SAMPLE {
            break;
        }
    }
    found.or(preference.then_some(Format::Mixed))
}

/// The format of a file with rows of both shapes.
fn together(one: Format, other: Format) -> Format {
    match (one, other) {
        _ if one == other => one,
        (Format::Alpaca, Format::Belle) | (Format::Belle, Format::Alpaca) => Format::Belle,
        _ => Format::Mixed,
    }
}

/// The shape of one row, told by its keys and, for `belle`, by its prompt.
pub(super) fn shape(row: &Row) -> Option<Format> {
    let family = row.family()?;
    let belle = family == Format::Alpaca && (answer_key(row, true) == Key::Target || begins_dialogue(row));
    // A list of turns beside instruction and output is what an instruction row could not hold by itself.
    let beside = family == Format::Sharegpt
        && row.fields.get(Key::Instruction).is_some()
        && row.fields.get(Key::Output).is_some()
        && conversations_beside(row).is_some();
    Some(if belle {
        Format::Belle
    } else if beside {
        Format::Alpaca
    } else {
        family
    })
}

/// Whether the prompt of an instruction row is a conversation, see [`is_dialogue`].
pub(super) fn begins_dialogue(row: &Row) -> bool {
    let strings = [Key::Instruction, Key::Input].into_iter().filter_map(|key| row.optional(key).ok().flatten());
    // The first that is not blank begins the prompt.
    let first = strings.map(|index| row.name(index)).find(|text| !is_blank(text));
    first.is_some_and(|text| is_dialogue(&text))
}
