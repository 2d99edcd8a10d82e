//! The distinct shingles of a row, and how many of them two rows must share.

use crate::batch::{RowScratch, Rows};
use crate::near_dedup::Parameters;
use crate::near_dedup::shingle::{ShingleBuffers, shingle_hashes};
use crate::text::field_points;

/// Rows between asking for the bytes of one and reading it.
pub const LOOK_AHEAD: usize = 6;

/// Where rows come from and how their texts are cut.
pub struct Reader<'a> {
    pub parameters: &'a Parameters,
    pub rows: &'a dyn Rows,
}

/// What one thread needs to read rows.
#[derive(Default)]
pub struct ReadBuffers {
    scratch: RowScratch,
    folded: String,
    points: Vec<u32>,
    shingles: ShingleBuffers,
    hashes: Vec<u64>,
    slots: Vec<Slot>,
    turn: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    turn: u32,
}

impl Reader<'_> {
    /// The hashes of a row's shingles, each once, in the order of their first places; never empty.
    pub fn distinct<'b>(&self, row: u32, buffers: &'b mut ReadBuffers) -> &'b mut [u64] {
        self.read(row, buffers);
        buffers.drop_repeats()
    }

    /// Reads the hashes of a row's shingles, repeats included.
    pub fn read(&self, row: u32, buffers: &mut ReadBuffers) {
        let parameters = self.parameters;
        let ReadBuffers { scratch, folded, points, shingles, hashes, .. } = buffers;
        let (turns, at) = self.rows.read(row, scratch);
        field_points(turns, at, parameters.field, parameters.fold, folded, points);
        shingle_hashes(points, parameters.shingle, shingles, hashes);
    }

    /// The least number of shingles that a row of `size` shares with a similar row that is no smaller.
    pub fn least_with_larger(&self, size: usize) -> usize {
        // Fewest when the other is just as large.
        let threshold = self.parameters.threshold;
        let estimate = 2.0 * size as f64 * threshold / (1.0 + threshold);
        first(estimate, size, |shared| shared as f64 / (2 * size - shared) as f64 >= threshold)
    }

    /// The least number of shingles that a row of `size` shares with any similar row; also the least size of one.
    pub fn least_with_any(&self, size: usize) -> usize {
        // Fewest when the other has nothing but what is shared.
        let threshold = self.parameters.threshold;
        first(threshold * size as f64, size, |shared| shared as f64 / size as f64 >= threshold)
    }

    /// Whether rows of `both` shingles that share at most `most` may be similar; in doubt, yes.
    #[inline]
    pub fn may_suffice(&self, most: usize, both: usize) -> bool {
        const ROUNDING: f64 = 1.0 - 1e-9;
        let threshold = self.parameters.threshold;
        most as f64 * (1.0 + threshold) >= both as f64 * threshold * ROUNDING
    }
}

/// The first number, from a little below an estimate, for which a condition holds that is written as the decision is;
/// `last` if there is none.
fn first(estimate: f64, last: usize, holds: impl Fn(usize) -> bool) -> usize {
    let start = (estimate as usize).saturating_sub(1).max(1);
    (start..last).find(|&number| holds(number)).unwrap_or(last)
}

impl ReadBuffers {
    /// The hashes that were read last.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Leaves each hash once, in its first place.
    pub fn drop_repeats(&mut self) -> &mut [u64] {
        if self.hashes.len() * 2 > self.slots.len() {
            self.slots = vec![Slot::default(); (self.hashes.len() * 2).next_power_of_two().max(512)];
            self.turn = 0;
        }
        if self.turn == u32::MAX {
            self.slots.fill(Slot::default());
            self.turn = 0;
        }
        self.turn += 1;
        let mask = self.slots.len() - 1;
        let mut kept = 0;
        for at in 0..self.hashes.len() {
            let hash = self.hashes[at];
            let mut place = hash as usize & mask;
            loop {
                let slot = &mut self.slots[place];
                if slot.turn != self.turn {
                    *slot = Slot { hash, turn: self.turn };
                    self.hashes[kept] = hash;
                    kept += 1;
                    break;
                }
                if slot.hash == hash {
                    break;
                }
                place = (place + 1) & mask;
            }
        }
        self.hashes.truncate(kept);
        &mut self.hashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::near_dedup::exact_join::tests::{TextRows, parameters};

    #[test]
    fn the_bounds_are_the_least_that_reach_the_threshold() {
        let rows = TextRows::of(&[]);
        for threshold in [0.01, 0.1, 0.5, 2.0 / 3.0, 0.7, 0.8, 0.95, 0.999, 1.0] {
            let parameters = parameters(threshold, 1, 1);
            let reader = Reader { parameters: &parameters, rows: &rows };
            for size in 1..400usize {
                let least = |other: usize| {
                    (1..=size.min(other)).find(|&shared| shared as f64 / (size + other - shared) as f64 >= threshold)
                };
                let larger = (size..size * 3).filter_map(least).min();
                assert_eq!(Some(reader.least_with_larger(size)), larger, "{threshold} {size}");
                let any = (1..size * 3).filter_map(least).min();
                assert_eq!(Some(reader.least_with_any(size)), any, "{threshold} {size}");
                assert_eq!(Some(reader.least_with_any(size)), (1..=size).find(|&other| least(other).is_some()));
            }
        }
    }
}
