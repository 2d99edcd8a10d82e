//! Rows of the keys that formats know: as `lines`, for every format, with neighbours of the same shape and of others.

use belle_core::read::{Format, ReadOptions};

use super::choices::Choices;
use super::lines::check_lines;
use super::row_text::RowMaker;

/// Two bytes of layout, the bytes that decide the shapes of rows, then those of their texts.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let (layout, shapes) = (choices.byte(), choices.byte());
    let format = Format::ALL[usize::from(layout) % Format::ALL.len()];
    let shape = choices.part(usize::from(shapes % 64));
    let mut maker = RowMaker { shape, text: choices, spaced: shapes & 0x40 != 0 };
    let mut lines = Vec::new();
    for line in 0..6 {
        if line > 0 && maker.text.is_empty() {
            break;
        }
        // A row of the same shape again, or of another; the fast path is for neighbours that are alike.
        if layout & 0x80 != 0 && maker.text.below(4) != 0 {
            maker.shape = shape;
        }
        lines.extend_from_slice(maker.row().as_bytes());
        lines.extend_from_slice(if shapes & 0x80 == 0 { b"\n" } else { b"\r\n" });
    }
    check_lines(&lines, ReadOptions { format, max_line_bytes: 1 << 20 });
}
