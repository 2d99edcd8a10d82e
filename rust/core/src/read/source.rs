//! `belle_source`: what a row was before it was written in another format.

use super::format::Format;
use super::pieces::{Piece, Pieces};
use super::style::{Sink, Style};
use crate::json::{Kind, Tape, unescape_into};

/// The key of what a format cannot hold. It is the last one of its row.
pub(super) const SOURCE: &str = "belle_source";

/// A line that is longer than its row by more than this is written out, so that a short row cannot ask for a line that
/// fills the memory.
const MOST_TIMES: usize = 16;

/// What a row says of the one that it was made from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The format of that row.
    pub(super) from: Format,
    /// The format of this row.
    pub(super) to: Format,
}

/// Appends the member and the brace that end an object: `written` is the object, whose last byte is its brace.
///
/// The line is told as a list of strings: those at even places stand for themselves, those at odd places, such as
/// `12+30`, for that many bytes of the row itself from that byte on.
pub(super) fn append(line: &[u8], source: &Source, style: Style, pieces: &mut Pieces, start: usize, out: &mut Vec<u8>) {
    out.pop();
    let row = &out[start..];
    if line.len() > row.len().saturating_mul(MOST_TIMES) {
        pieces.whole(line);
    } else {
        pieces.cut(line, row);
    }
    let mut sink = Sink { out, style };
    sink.comma();
    sink.key(SOURCE);
    sink.raw(b"{");
    for (key, format) in [("format", source.from), ("as", source.to)] {
        sink.key(key);
        sink.string(format.name().as_bytes());
        sink.comma();
    }
    sink.key("line");
    sink.raw(b"[");
    let mut literal_is_next = true;
    for (index, piece) in pieces.found.iter().enumerate() {
        if index > 0 {
            sink.comma();
        }
        match piece {
            Piece::Literal(range) => {
                sink.string(&line[range.clone()]);
                literal_is_next = false;
            }
            Piece::Copied(range) => {
                if literal_is_next {
                    sink.string(b"");
                    sink.comma();
                }
                sink.string(format!("{}+{}", range.start, range.len()).as_bytes());
                literal_is_next = true;
            }
        }
    }
    sink.raw(b"]}}");
}

/// Reads the member and puts the line together again, in `restored`; None if there is none, or no such line.
///
/// Whether the line really gives this row is for the caller to see.
pub(super) fn restore(line: &[u8], tape: &Tape, restored: &mut Vec<u8>) -> Option<Source> {
    let name = |index: usize| text(line, tape, index);
    let (_, value) = tape.members(0).last().filter(|(key, _)| name(*key).as_deref() == Some(SOURCE.as_bytes()))?;
    let mut members = tape.members(value);
    let mut member = |expected: &[u8]| {
        let (key, value) = members.next()?;
        (name(key)? == expected).then_some(value)
    };
    let mut format = |expected| Format::from_name(std::str::from_utf8(&name(member(expected)?)?).ok()?);
    let (from, to) = (format(b"format")?, format(b"as")?);
    let pieces = member(b"line")?;
    restored.clear();
    for (place, item) in tape.items(pieces).enumerate() {
        let piece = name(item)?;
        if place % 2 == 0 {
            restored.extend_from_slice(&piece);
            continue;
        }
        let (start, length) = std::str::from_utf8(&piece).ok()?.split_once('+')?;
        let (start, length) = (start.parse::<usize>().ok()?, length.parse::<usize>().ok()?);
        restored.extend_from_slice(line.get(start..start.checked_add(length)?)?);
        if restored.len() > line.len().saturating_mul(MOST_TIMES) {
            return None;
        }
    }
    let whole = !restored.contains(&b'\n') && !restored.is_empty();
    (whole && from != Format::Mixed && to != Format::Mixed).then_some(Source { from, to })
}

/// The text of a string.
fn text(line: &[u8], tape: &Tape, index: usize) -> Option<Vec<u8>> {
    let token = tape.at(index);
    let mut text = Vec::new();
    match token.kind {
        Kind::Plain => text.extend_from_slice(&line[token.inner()]),
        Kind::Escaped => unescape_into(&line[token.inner()], &mut text),
        _ => return None,
    }
    Some(text)
}
