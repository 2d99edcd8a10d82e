//! A table of pairs that is asked without a loop: a perfect hash, one number for each few pairs that sends them apart.
//!
//! After Pibiri and Trani, "`PTHash`: Revisiting FCH Minimal Perfect Hashing" (2021), with more slots than pairs.

use std::collections::HashMap;
use std::hint::select_unpredictable;

/// Bits of a number of a pair.
const BITS: u32 = 21;
/// Bits of a value.
const VALUE_BITS: u32 = 22;
const VALUE: u64 = (1 << VALUE_BITS) - 1;
/// Pairs that share a pilot on average.
const SHARED: usize = 3;
/// Of so many slots one fewer is taken at most.
const LOAD: (usize, usize) = (4, 3);
/// Makes a factor of many bits of a pilot.
const SPREAD: u64 = 0x9e37_79b9;
/// Pilots that are tried for a group; those that fail are put aside, which no vocabulary of a language needs.
const TRIES: u16 = 1 << 14;
const ASIDE: u16 = 0;

/// What two neighbours give, for numbers below 2²¹ − 1 and values below 2²².
#[derive(Debug)]
pub struct PairTable {
    pilots: Vec<u16>,
    /// The pair above, the value below; all bits set if there is none.
    slots: Vec<u64>,
    aside: HashMap<u64, u32>,
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << BITS | u64::from(right)
}

/// A bijection, so that no two pairs are the same for every pilot.
fn hash(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// A number below `len` from the upper half of a hash.
fn below(hash: u64, len: usize) -> usize {
    (((hash >> 32) * len as u64) >> 32) as usize
}

impl PairTable {
    /// From (left, right, value), no pair twice.
    pub fn new(pairs: &[(u32, u32, u32)]) -> Self {
        let groups = pairs.len() / SHARED + 1;
        let slots = pairs.len() * LOAD.0 / LOAD.1 + 16;
        let mut table = Self { pilots: vec![1; groups], slots: vec![u64::MAX; slots], aside: HashMap::new() };
        let mut entries: Vec<(usize, u64, u32)> = pairs
            .iter()
            .map(|&(left, right, value)| (below(hash(key(left, right)), groups), key(left, right), value))
            .collect();
        entries.sort_unstable();
        let mut order: Vec<&[(usize, u64, u32)]> = entries.chunk_by(|one, other| one.0 == other.0).collect();
        order.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut places = Vec::new();
        for group in order {
            let found = (1..TRIES).find(|&pilot| {
                places.clear();
                places.extend(group.iter().map(|entry| table.place(hash(entry.1), pilot)));
                let free = places.iter().all(|&place| table.slots[place] == u64::MAX);
                free && places.iter().enumerate().all(|(number, place)| !places[..number].contains(place))
            });
            table.pilots[group[0].0] = found.unwrap_or(ASIDE);
            for (at, &(_, key, value)) in group.iter().enumerate() {
                if found.is_some() {
                    table.slots[places[at]] = key << VALUE_BITS | u64::from(value);
                } else {
                    table.aside.insert(key, value);
                }
            }
        }
        table
    }

    #[inline(always)]
    fn place(&self, hash: u64, pilot: u16) -> usize {
        below(hash.wrapping_mul(u64::from(pilot).wrapping_mul(SPREAD) | 1), self.slots.len())
    }

    /// The value of a pair of numbers; 0 if there is none.
    #[inline(always)]
    pub fn get(&self, left: u32, right: u32) -> u32 {
        let key = key(left, right);
        let hash = hash(key);
        let pilot = self.pilots[below(hash, self.pilots.len())];
        if pilot == ASIDE {
            return self.aside(key);
        }
        let slot = self.slots[self.place(hash, pilot)];
        // Which of both it is cannot be foreseen.
        select_unpredictable(slot >> VALUE_BITS == key, (slot & VALUE) as u32, 0)
    }

    #[cold]
    #[inline(never)]
    fn aside(&self, key: u64) -> u32 {
        self.aside.get(&key).copied().unwrap_or(0)
    }
}
