//! The shape of the last line, tried on the next one before anything else is.
//!
//! Rows of a file mostly share their keys, order and spacing. Whatever stands between two values is then the same run
//! of bytes, which was scanned once and only needs to be compared; the values alone are scanned.

use super::blocks::{Blocks, Specials, at_every_level};
use super::escape::{Escape, read_escape};
use super::number::scan_number;
use super::tape::{Kind, Tape};

/// Bytes that one piece compares.
const CHUNK: usize = 32;
/// Pieces that a template holds at most; objects with more keys are not worth the trouble.
const MOST_PIECES: usize = 64;

/// What varies after a fixed run of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    String,
    Number,
    /// Nothing: the run goes on in the next piece.
    More,
    /// Nothing: the object ends.
    End,
}

/// A fixed run of bytes and what stands behind it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The run, filled up with zeros.
    run: [u64; 4],
    /// Ones where the run has bytes.
    mask: [u64; 4],
    /// Bytes of the run.
    length: u32,
    /// Token of the value.
    token: u32,
    slot: Slot,
}

/// The bytes of an object that stay the same from row to row.
#[derive(Clone, Debug, Default)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// A template that fits no line.
    #[must_use]
    pub const fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// Whether a line was learned.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Fits no line any more.
    pub fn forget(&mut self) {
        self.pieces.clear();
    }

    /// Takes the shape of a line that was scanned to `tape`: an object of strings, numbers, literals and empty
    /// containers. Of any other line nothing is learned, and the template fits no line.
    pub fn learn(&mut self, line: &[u8], tape: &Tape) {
        self.forget();
        let Some(object) = tape.tokens().first().filter(|token| token.kind == Kind::Object) else { return };
        let mut from = object.start as usize;
        for (_, value) in tape.members(0) {
            let token = tape.at(value);
            let slot = match token.kind {
                Kind::Plain | Kind::Escaped => Slot::String,
                Kind::Number => Slot::Number,
                _ if token.next as usize == value + 1 => continue,
                _ => return self.forget(),
            };
            if !self.add(&line[from..token.inner().start], value, slot) {
                return self.forget();
            }
            from = token.inner().end;
        }
        if !self.add(&line[from..object.end as usize], 0, Slot::End) {
            self.forget();
        }
    }

    /// Adds a run and what stands behind it; whether there was room.
    fn add(&mut self, run: &[u8], token: usize, slot: Slot) -> bool {
        let count = run.len().div_ceil(CHUNK);
        for (index, part) in run.chunks(CHUNK).enumerate() {
            let (mut bytes, mut mask) = ([0; CHUNK], [0; CHUNK]);
            bytes[..part.len()].copy_from_slice(part);
            mask[..part.len()].fill(0xff);
            let slot = if index + 1 == count { slot } else { Slot::More };
            let (run, mask) = (words(&bytes), words(&mask));
            self.pieces.push(Piece { run, mask, length: part.len() as u32, token: token as u32, slot });
        }
        self.pieces.len() <= MOST_PIECES
    }

    /// Scans the line that begins at `start` if it has this shape and ends with a line's end or with `bytes`; gives
    /// the byte after the object. The tokens of strings and numbers on `tape`, which must still be that of the learned
    /// line, are then those of this line; the other tokens keep their kinds, not their places.
    ///
    /// `None` says nothing about the line: it must be scanned without a template, and so must those after it.
    #[inline]
    pub fn scan(&self, bytes: &[u8], start: usize, tape: &mut Tape) -> Option<usize> {
        scan_at_level(self, bytes, start, tape)
    }
}

#[inline(always)]
fn words(chunk: &[u8; CHUNK]) -> [u64; 4] {
    let (words, _) = chunk.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(words[index]))
}

at_every_level! {
    fn scan_at_level(template: &Template, bytes: &[u8], start: usize, tape: &mut Tape) -> Option<usize> = scan_body
}

/// # Safety
/// The processor must have the level of `B`.
#[inline(always)]
unsafe fn scan_body<B: Blocks>(template: &Template, bytes: &[u8], start: usize, tape: &mut Tape) -> Option<usize> {
    let mut at = start;
    for piece in &template.pieces {
        let found = words(bytes.get(at..)?.first_chunk()?);
        let difference = (0..4).fold(0, |sum, word| sum | (found[word] ^ piece.run[word]) & piece.mask[word]);
        if difference != 0 {
            return None;
        }
        at += piece.length as usize;
        let begin = at;
        let kind = match piece.slot {
            Slot::More => continue,
            Slot::End => break,
            Slot::Number => {
                at = scan_number(bytes, at).ok()?;
                Kind::Number
            }
            Slot::String => {
                let mut kind = Kind::Plain;
                // SAFETY: the caller has the level, here and below.
                let mut specials = unsafe { Specials::from::<B>(bytes, at) };
                loop {
                    // SAFETY: as above.
                    at = unsafe { specials.first::<B>() };
                    match bytes.get(at)? {
                        b'"' => break kind,
                        b'\\' => {
                            let Ok(Escape::Character(_, length)) = read_escape(bytes, at) else { return None };
                            kind = Kind::Escaped;
                            // SAFETY: as above.
                            unsafe { specials.skip_to::<B>(at + length) };
                        }
                        _ => return None,
                    }
                }
            }
        };
        let token = tape.tokens.get_mut(piece.token as usize)?;
        token.start = u32::try_from(begin - start).ok()?;
        token.end = u32::try_from(at - start).ok()?;
        token.kind = kind;
    }
    match bytes.get(at..)? {
        [] | [b'\n', ..] | [b'\r', b'\n', ..] => Some(at),
        _ => None,
    }
}
