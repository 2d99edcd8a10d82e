//! The signatures of all rows of a corpus.

use std::ops::Range;

use super::shingle::mix;
use crate::memory::{prefetch, zeroed};

/// Rows of a block; signatures are held in blocks so that growing never copies them.
const BLOCK: usize = 1 << 16;

/// MinHash signatures, `uint16 [rows, lanes]`, and how they are cut into bands.
#[derive(Clone, Debug)]
pub struct Signatures {
    blocks: Vec<Vec<u16>>,
    rows: usize,
    lanes: usize,
    rows_per_band: usize,
}

impl Signatures {
    /// None yet. `lanes` is at least `rows_per_band`, which is at least 1.
    #[must_use]
    pub fn new(lanes: usize, rows_per_band: usize) -> Self {
        Self { blocks: Vec::new(), rows: 0, lanes, rows_per_band }
    }

    /// Number of signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Makes room for more signatures and returns it, in pieces of whole signatures.
    pub fn grow(&mut self, rows: usize) -> Vec<&mut [u16]> {
        let first = self.rows;
        self.rows += rows;
        while self.blocks.len() * BLOCK < self.rows {
            self.blocks.push(zeroed(BLOCK * self.lanes));
        }
        let lanes = self.lanes;
        let end = self.rows;
        self.blocks
            .iter_mut()
            .enumerate()
            .skip(first / BLOCK)
            .map(|(number, block)| {
                let start = first.saturating_sub(number * BLOCK);
                &mut block[start * lanes..(end - number * BLOCK).min(BLOCK) * lanes]
            })
            .collect()
    }

    /// The signature at an index.
    #[must_use]
    #[inline]
    pub fn signature(&self, index: usize) -> &[u16] {
        let start = index % BLOCK * self.lanes;
        &self.blocks[index / BLOCK][start..start + self.lanes]
    }

    /// The lanes of one band as a mixed 64-bit key.
    #[must_use]
    #[inline]
    pub fn band_key(&self, index: usize, band: usize) -> u64 {
        self.band_keys(index, band..band + 1).next().unwrap_or_default()
    }

    /// The keys of some bands.
    #[inline]
    pub fn band_keys(&self, index: usize, bands: Range<usize>) -> impl Iterator<Item = u64> {
        let lanes = &self.signature(index)[bands.start * self.rows_per_band..bands.end * self.rows_per_band];
        lanes.chunks_exact(self.rows_per_band).map(|lanes| {
            if let &[a, b, c, d] = lanes {
                // One load, and a multiplication is mixing enough for the top bits.
                let word = u64::from(a) | (u64::from(b) << 16) | (u64::from(c) << 32) | (u64::from(d) << 48);
                return (word ^ (word >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
            lanes.iter().fold(0, |key, &lane| mix(key ^ u64::from(lane) ^ 0x5bd1_e995))
        })
    }

    /// Whether two signatures agree in all lanes of any of the first `bands` bands.
    #[must_use]
    #[inline]
    pub fn share_band(&self, left: usize, right: usize, bands: usize) -> bool {
        let used = bands * self.rows_per_band;
        let (left, right) = (&self.signature(left)[..used], &self.signature(right)[..used]);
        if self.rows_per_band == 4 {
            let (left, right) = (left.as_chunks::<4>().0, right.as_chunks::<4>().0);
            // Without a way out in the middle the loop becomes vectors.
            return left.iter().zip(right).map(|(a, b)| u32::from(a == b)).sum::<u32>() > 0;
        }
        left.chunks(self.rows_per_band).zip(right.chunks(self.rows_per_band)).any(|(a, b)| a == b)
    }

    /// Asks the processor for a signature that is read soon.
    #[inline]
    pub fn prefetch(&self, index: usize) {
        // A signature is a whole number of cache lines when it has whole groups of lanes.
        for line in self.signature(index).chunks(32) {
            prefetch(line.as_ptr().cast());
        }
    }
}
