//! A table of pairs that is asked without a loop: a perfect hash, one number for each few pairs that moves them to where
//! there is room for all.
//!
//! After Fox, Chen and Heath, "A faster algorithm for constructing minimal perfect hash functions" (1992), with more
//! slots than pairs.

use std::collections::HashMap;
use std::hint::select_unpredictable;

/// Bits of a number of a pair.
const BITS: u32 = 21;
/// Bits of a value.
const VALUE_BITS: u32 = 22;
const VALUE: u64 = (1 << VALUE_BITS) - 1;
/// Pairs that share a pilot on average, at most.
const SHARED: usize = 3;
/// Of so many slots one fewer is taken at most.
const LOAD: (usize, usize) = (8, 7);
/// Pilots that are tried for a group; those that fail are put aside, as are two pairs with the same place.
const TRIES: u16 = 1 << 12;
const ASIDE: u16 = 0;

/// What two neighbours give, for numbers below 2²¹ − 1 and values below 2²².
#[derive(Debug)]
pub struct PairTable {
    /// By the upper bits of a hash how far the pairs of a group are moved.
    pilots: Vec<u16>,
    /// How far a hash is shifted for its group.
    shift: u32,
    /// Places before they are moved.
    places: u64,
    /// The pair above, the value below; all bits set if there is none.
    slots: Vec<u64>,
    aside: HashMap<u64, u32>,
}

#[inline(always)]
fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << BITS | u64::from(right)
}

#[inline(always)]
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl PairTable {
    /// From (left, right, value), no pair twice.
    pub fn new(pairs: &[(u32, u32, u32)]) -> Self {
        let groups = (pairs.len() / SHARED).next_power_of_two().max(2);
        let places = pairs.len() * LOAD.0 / LOAD.1 + 1;
        let mut table = Self {
            pilots: vec![1; groups],
            shift: 64 - groups.ilog2(),
            places: places as u64,
            slots: vec![u64::MAX; places + usize::from(TRIES)],
            aside: HashMap::new(),
        };
        let mut entries: Vec<(usize, u64, u32)> = pairs
            .iter()
            .map(|&(left, right, value)| (table.group(hash(key(left, right))), key(left, right), value))
            .collect();
        entries.sort_unstable();
        let mut order: Vec<&[(usize, u64, u32)]> = entries.chunk_by(|one, other| one.0 == other.0).collect();
        order.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut places = Vec::new();
        for group in order {
            places.clear();
            places.extend(group.iter().map(|entry| table.place(hash(entry.1))));
            let apart = places.iter().enumerate().all(|(number, place)| !places[..number].contains(place));
            let is_free = |pilot: u16| places.iter().all(|&place| table.slots[place + usize::from(pilot)] == u64::MAX);
            let found = (1..TRIES).find(|&pilot| apart && is_free(pilot));
            table.pilots[group[0].0] = found.unwrap_or(ASIDE);
            for (place, &(_, key, value)) in places.iter().zip(group) {
                if let Some(pilot) = found {
                    table.slots[place + usize::from(pilot)] = key << VALUE_BITS | u64::from(value);
                } else {
                    table.aside.insert(key, value);
                }
            }
        }
        table
    }

    #[inline(always)]
    fn group(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    /// Where a pair is before it is moved: not from the bits that say its group.
    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        ((u64::from((hash >> 16) as u32) * self.places) >> 32) as usize
    }

    /// The value of a pair of numbers; 0 if there is none.
    #[inline(always)]
    pub fn get(&self, left: u32, right: u32) -> u32 {
        let key = key(left, right);
        let hash = hash(key);
        let pilot = self.pilots[self.group(hash)];
        if pilot == ASIDE {
            return self.aside(key);
        }
        let slot = self.slots[self.place(hash) + usize::from(pilot)];
        // Which of both it is cannot be foreseen.
        select_unpredictable(slot >> VALUE_BITS == key, (slot & VALUE) as u32, 0)
    }

    #[cold]
    #[inline(never)]
    fn aside(&self, key: u64) -> u32 {
        self.aside.get(&key).copied().unwrap_or(0)
    }
}
