//! How a line spells its JSON, so that what is written in its place is spelled the same way.

use crate::json::{Tape, write_string};

/// The two habits in which writers of JSON differ most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// A blank stands after each colon and comma.
    spaced: bool,
    /// Every character outside of ASCII is escaped.
    ascii: bool,
}

impl Style {
    /// The style of a scanned object, told by its first colon and by its escapes; blanks and no escapes if it has none.
    pub(super) fn of(line: &[u8], tape: &Tape) -> Self {
        let colon = tape.members(0).next().and_then(|(key, _)| line.get(tape.at(key).raw().end..));
        let spaced = colon.is_none_or(|rest| !rest.starts_with(b":") || rest.get(1) == Some(&b' '));
        Self { spaced, ascii: line.is_ascii() && escapes_characters(line) }
    }
}

/// Whether a line of ASCII escapes a character that is not ASCII, as the first such escape tells.
fn escapes_characters(line: &[u8]) -> bool {
    let mut found = memchr::memmem::find_iter(line, br"\u");
    found.any(|at| line.get(at + 2..at + 4).is_some_and(|digits| digits != b"00"))
}

/// Writes JSON in a style.
pub(super) struct Sink<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) style: Style,
}

impl Sink<'_> {
    /// Bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The comma between two members or items.
    pub(super) fn comma(&mut self) {
        self.raw(if self.style.spaced { b", " } else { b"," });
    }

    /// The colon between a key and its value.
    pub(super) fn colon(&mut self) {
        self.raw(if self.style.spaced { b": " } else { b":" });
    }

    /// A key that needs no escape, and its colon.
    pub(super) fn key(&mut self, name: &str) {
        self.out.push(b'"');
        self.raw(name.as_bytes());
        self.out.push(b'"');
        self.colon();
    }

    /// A text as a string with its quotes; `text` is UTF-8.
    pub(super) fn string(&mut self, text: &[u8]) {
        if !self.style.ascii || text.is_ascii() {
            return write_string(text, self.out);
        }
        let start = self.out.len();
        write_string(text, self.out);
        let written = self.out.split_off(start);
        for piece in written.utf8_chunks() {
            for character in piece.valid().chars() {
                if character.is_ascii() {
                    self.out.push(character as u8);
                    continue;
                }
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    self.raw(b"\\u");
                    let digit = |shift: u16| b"0123456789abcdef"[usize::from(*unit >> shift & 15)];
                    self.out.extend([12, 8, 4, 0].map(digit));
                }
            }
            self.raw(piece.invalid());
        }
    }
}
