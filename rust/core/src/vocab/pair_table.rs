//! A table of pairs that is asked without a loop: the rows of the left halves, slid over each other until none collides.

use std::collections::HashMap;

/// Stands for a row that found no place.
const ASIDE: u32 = u32::MAX;
/// Slots for each pair: more find their place sooner, fewer stay in the cache.
const SPREAD: (usize, usize) = (7, 5);
/// Places that are tried on average for a row, and for all rows together whatever there are.
const TRIES: usize = 64;
const TRIES_AT_LEAST: usize = 1 << 20;

/// What two neighbours give, for numbers below a bound.
#[derive(Debug)]
pub struct PairTable {
    /// For each left number where its row starts.
    starts: Vec<u32>,
    /// The left number, and the value.
    slots: Vec<(u32, u32)>,
    /// The pairs of rows that found no place: none for vocabularies of any language.
    aside: HashMap<(u32, u32), u32>,
}

impl PairTable {
    /// From (left, right, value), no pair twice; numbers are below `numbers`, left ones not 0.
    pub fn new(mut pairs: Vec<(u32, u32, u32)>, numbers: usize) -> Self {
        pairs.sort_unstable();
        let mut rows: Vec<&[(u32, u32, u32)]> = pairs.chunk_by(|one, other| one.0 == other.0).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.len()));
        let places = pairs.len() * SPREAD.0 / SPREAD.1 + 64;
        let mut table = Self { starts: vec![0; numbers], slots: vec![(0, 0); places + numbers], aside: HashMap::new() };
        let mut tries = rows.len() * TRIES + TRIES_AT_LEAST;
        let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
        for row in rows {
            let (left, first) = (row[0].0, row[0].1 as usize);
            let start = loop {
                if tries == 0 {
                    break None;
                }
                tries -= 1;
                draw = draw.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                // The first pair lands anywhere; the others lie behind it.
                let at = ((draw >> 32) * (places + numbers) as u64 >> 32) as usize;
                let Some(start) = at.checked_sub(first).filter(|&start| start < places) else { continue };
                if row.iter().all(|pair| table.slots[start + pair.1 as usize].0 == 0) {
                    break Some(start);
                }
            };
            if let Some(start) = start {
                table.starts[left as usize] = start as u32;
                for &(_, right, value) in row {
                    table.slots[start + right as usize] = (left, value);
                }
            } else {
                table.starts[left as usize] = ASIDE;
                table.aside.extend(row.iter().map(|&(left, right, value)| ((left, right), value)));
            }
        }
        table
    }

    /// The value of a pair of numbers below the bound; 0 if there is none.
    #[inline(always)]
    pub fn get(&self, left: u32, right: u32) -> u32 {
        let start = self.starts[left as usize];
        if start == ASIDE {
            return self.aside.get(&(left, right)).copied().unwrap_or(0);
        }
        let (owner, value) = self.slots[start as usize + right as usize];
        // Zero is the left number of no pair, and the value of an empty slot.
        if owner == left { value } else { 0 }
    }
}
