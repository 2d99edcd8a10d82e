//! A line as pieces of another: what a change of format cannot hold, without the texts that both have.

use std::ops::Range;

/// Bytes that are compared to find out whether two places are alike.
const GRAIN: usize = 8;
/// A shorter piece is written out: its two numbers would take as much room.
const SHORTEST: usize = 12;
/// Marks a place of the table that is empty.
const NOTHING: u32 = u32::MAX;

/// A part of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These bytes of the line itself.
    Literal(Range<usize>),
    /// These bytes of the other one.
    Copied(Range<usize>),
}

/// Finds the pieces of a line in another; kept from line to line, for its memory.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    table: Vec<u32>,
    pub(super) found: Vec<Piece>,
}

impl Pieces {
    /// Cuts `line` into pieces, so that together they are all of it: long pieces that stand in `other` too, and what is
    /// between them. Both are UTF-8, and no piece cuts a character.
    pub(super) fn cut(&mut self, line: &[u8], other: &[u8]) {
        self.found.clear();
        let bits = (other.len() / GRAIN + 1).next_power_of_two().trailing_zeros() + 1;
        self.table.clear();
        self.table.resize(1 << bits, NOTHING);
        for (number, block) in other.as_chunks::<GRAIN>().0.iter().enumerate() {
            let place = &mut self.table[slot(*block, bits)];
            if *place == NOTHING {
                *place = (number * GRAIN) as u32;
            }
        }
        let mut done = 0;
        let mut at = 0;
        while let Some(block) = line.get(at..).and_then(<[u8]>::first_chunk::<GRAIN>) {
            let start = self.table[slot(*block, bits)];
            let matched = (start != NOTHING).then(|| common(line, done, at, other, start as usize)).flatten();
            let Some((own, length)) = matched else {
                at += 1;
                continue;
            };
            let place = start as usize + own - at;
            self.literal(done..own);
            self.found.push(Piece::Copied(place..place + length));
            done = own + length;
            at = done;
        }
        self.literal(done..line.len());
    }

    /// Makes all of `line` one piece.
    pub(super) fn whole(&mut self, line: &[u8]) {
        self.found.clear();
        self.literal(0..line.len());
    }

    fn literal(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.found.push(Piece::Literal(range));
        }
    }
}

/// The place of a block in a table of two to the power of `bits` entries.
fn slot(block: [u8; GRAIN], bits: u32) -> usize {
    (u64::from_le_bytes(block).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

/// What the two have in common around `at` and `place`: its start in `line`, at or after `done`, and its length.
fn common(line: &[u8], done: usize, at: usize, other: &[u8], place: usize) -> Option<(usize, usize)> {
    let after = line[at..].iter().zip(&other[place..]).take_while(|(left, right)| left == right).count();
    if after < GRAIN {
        return None;
    }
    let before = line[done..at].iter().rev().zip(other[..place].iter().rev());
    let before = before.take_while(|(left, right)| left == right).count();
    let (mut start, mut end) = (at - before, at + after);
    while start < end && is_inside(line, start) {
        start += 1;
    }
    while end > start && is_inside(line, end) {
        end -= 1;
    }
    // A piece that begins at or before `at` and ends after it, so that the search goes on.
    (end > at && end - start >= SHORTEST).then_some((start, end - start))
}

/// Whether a byte goes on with the character of the byte before it.
fn is_inside(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80)
}
