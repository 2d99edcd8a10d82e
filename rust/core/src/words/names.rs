//! Numbers for words that are in no dictionary: each different text once, in the order of coming.

use xxhash_rust::xxh3::xxh3_64;

/// Different words, numbered from 0.
#[derive(Clone, Debug)]
pub struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// Open addressing: the number of a word and one, and above it the upper half of its hash, so that other words are
    /// told apart here; 0 for a free slot. A power of two of them, at most half taken.
    slots: Vec<u64>,
}

impl Default for Names {
    fn default() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), hashes: Vec::new(), slots: vec![0; 64] }
    }
}

impl Names {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The word of a number; empty if there is none.
    #[must_use]
    pub fn get(&self, number: u32) -> &str {
        std::str::from_utf8(self.bytes_of(number)).unwrap_or_default()
    }

    #[inline]
    fn bytes_of(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|&end| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// The number of a word, which is new if it is the first of its kind.
    pub fn number(&mut self, word: &str) -> u32 {
        let hash = xxh3_64(word.as_bytes());
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            let number = self.slots[slot] as u32 - 1;
            if self.slots[slot] >> 32 == hash >> 32 && self.bytes_of(number) == word.as_bytes() {
                return number;
            }
            slot = (slot + 1) & mask;
        }
        let number = self.ends.len() as u32;
        self.slots[slot] = taken_slot(hash, number);
        self.bytes.extend_from_slice(word.as_bytes());
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        let mut slots = vec![0; mask + 1];
        for (number, &hash) in self.hashes.iter().enumerate() {
            let mut slot = hash as usize & mask;
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = taken_slot(hash, number as u32);
        }
        self.slots = slots;
    }
}

fn taken_slot(hash: u64, number: u32) -> u64 {
    hash >> 32 << 32 | u64::from(number + 1)
}
