//! MinHash signatures in 16-bit lanes (Broder 1997): lane i is the minimum over all shingles of `h ^ X_i`.
//!
//! Each lane reads one of four 16-bit fields of the shingle's 64-bit hash, XORed with a constant of the lane,
//! so one broadcast of the hash serves a whole vector of lanes, and four lanes in a row (one band of the
//! default) read four independent fields.

use crate::dispatch;
use crate::near_dedup::shingle::mix;

/// Lanes that are computed together: one 512-bit vector.
pub const LANE_GROUP: usize = 32;

/// The constants of a family of signatures.
#[derive(Clone, Debug)]
pub struct Permutations {
    /// One 64-bit word for four lanes; 8 words are a group.
    words: Vec<[u64; LANE_GROUP / 4]>,
    lanes: usize,
}

impl Permutations {
    /// `lanes` lanes from a seed. The lanes of a smaller family are the first of a larger one.
    #[must_use]
    pub fn new(lanes: usize, seed: u64) -> Self {
        let words = (0..lanes.div_ceil(LANE_GROUP))
            .map(|group| std::array::from_fn(|word| mix(mix(seed) ^ (group * 8 + word + 1) as u64)))
            .collect();
        Self { words, lanes }
    }

    /// Lanes in a signature.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Fills a signature (`lanes()` values) from the hashes of a text's shingles; repeats change nothing.
    pub fn sign(&self, hashes: &[u64], signature: &mut [u16]) {
        for (constants, lanes) in self.words.iter().zip(signature.chunks_mut(LANE_GROUP)) {
            let minima = group_minima(constants, hashes);
            for (lane, minimum) in lanes.iter_mut().zip(minima) {
                *lane = minimum as u16;
            }
        }
    }
}

/// Minima of one group, as signed numbers: the plainest instruction set has only a signed 16-bit minimum.
fn group_minima(constants: &[u64; LANE_GROUP / 4], hashes: &[u64]) -> [i16; LANE_GROUP] {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::dispatch::{Level, level};
        match level() {
            // SAFETY: `level()` is never above what the processor was found to have.
            Level::Avx512 => unsafe { x86::avx512(constants, hashes) },
            // SAFETY: as above.
            Level::Avx2 => unsafe { x86::avx2(constants, hashes) },
            Level::Baseline => x86::sse2(constants, hashes),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable(constants, hashes)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable(constants: &[u64; LANE_GROUP / 4], hashes: &[u64]) -> [i16; LANE_GROUP] {
    let mut minima = [i16::MAX; LANE_GROUP];
    for &hash in hashes {
        for (word, &constant) in constants.iter().enumerate() {
            let value = hash ^ constant;
            for field in 0..4 {
                let lane = &mut minima[word * 4 + field];
                *lane = (*lane).min((value >> (16 * field)) as i16);
            }
        }
    }
    minima
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_min_epi16, _mm_set1_epi16, _mm_set1_epi64x, _mm_xor_si128, _mm256_min_epi16,
        _mm256_set1_epi16, _mm256_set1_epi64x, _mm256_xor_si256, _mm512_min_epi16, _mm512_set1_epi16,
        _mm512_set1_epi64, _mm512_xor_si512,
    };
    use std::mem::transmute;

    use super::LANE_GROUP;

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn avx512(constants: &[u64; 8], hashes: &[u64]) -> [i16; LANE_GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
        let constants: __m512i = unsafe { transmute(*constants) };
        // Two minima, so that a minimum does not wait for the one before it.
        let mut minima = [_mm512_set1_epi16(i16::MAX); 2];
        let (pairs, rest) = hashes.as_chunks::<2>();
        for &[first, second] in pairs {
            minima[0] = _mm512_min_epi16(minima[0], _mm512_xor_si512(constants, _mm512_set1_epi64(first as i64)));
            minima[1] = _mm512_min_epi16(minima[1], _mm512_xor_si512(constants, _mm512_set1_epi64(second as i64)));
        }
        for &hash in rest {
            minima[0] = _mm512_min_epi16(minima[0], _mm512_xor_si512(constants, _mm512_set1_epi64(hash as i64)));
        }
        // SAFETY: as above.
        unsafe { transmute(_mm512_min_epi16(minima[0], minima[1])) }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(constants: &[u64; 8], hashes: &[u64]) -> [i16; LANE_GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
        let constants: [__m256i; 2] = unsafe { transmute(*constants) };
        let mut minima = [_mm256_set1_epi16(i16::MAX); 2];
        for &hash in hashes {
            let hash = _mm256_set1_epi64x(hash as i64);
            minima[0] = _mm256_min_epi16(minima[0], _mm256_xor_si256(constants[0], hash));
            minima[1] = _mm256_min_epi16(minima[1], _mm256_xor_si256(constants[1], hash));
        }
        // SAFETY: as above.
        unsafe { transmute(minima) }
    }

    pub(super) fn sse2(constants: &[u64; 8], hashes: &[u64]) -> [i16; LANE_GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both; SSE2 is in every x86-64.
        let constants: [__m128i; 4] = unsafe { transmute(*constants) };
        // SAFETY: SSE2 is part of every x86-64 processor.
        unsafe {
            let mut minima = [_mm_set1_epi16(i16::MAX); 4];
            for &hash in hashes {
                let hash = _mm_set1_epi64x(hash as i64);
                for (minimum, &constant) in minima.iter_mut().zip(&constants) {
                    *minimum = _mm_min_epi16(*minimum, _mm_xor_si128(constant, hash));
                }
            }
            transmute(minima)
        }
    }
}

dispatch! {
    /// How many lanes of two signatures of the same length are equal.
    pub fn equal_lanes(left: &[u16], right: &[u16]) -> u32 = equal_lanes_body
}

#[inline(always)]
fn equal_lanes_body(left: &[u16], right: &[u16]) -> u32 {
    let (left, left_rest) = left.as_chunks::<LANE_GROUP>();
    let (right, right_rest) = right.as_chunks::<LANE_GROUP>();
    let mut count = 0;
    for (left, right) in left.iter().zip(right) {
        let mut equal = 0u16;
        for lane in 0..LANE_GROUP {
            equal += u16::from(left[lane] == right[lane]);
        }
        count += u32::from(equal);
    }
    count + left_rest.iter().zip(right_rest).map(|(a, b)| u32::from(a == b)).sum::<u32>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same_minima(hashes in proptest::collection::vec(any::<u64>(), 1..50), seed: u64) {
            let constants = Permutations::new(LANE_GROUP, seed).words[0];
            let expected = portable(&constants, &hashes);
            prop_assert_eq!(group_minima(&constants, &hashes), expected);
            #[cfg(target_arch = "x86_64")]
            {
                prop_assert_eq!(x86::sse2(&constants, &hashes), expected);
                if crate::dispatch::detected() >= crate::dispatch::Level::Avx2 {
                    // SAFETY: just asked.
                    prop_assert_eq!(unsafe { x86::avx2(&constants, &hashes) }, expected);
                }
            }
        }

        #[test]
        fn equal_lanes_counts(left in proptest::collection::vec(0u16..3, 70), right in proptest::collection::vec(0u16..3, 70)) {
            let expected = left.iter().zip(&right).filter(|(a, b)| a == b).count() as u32;
            prop_assert_eq!(equal_lanes(&left, &right), expected);
        }
    }

    #[test]
    fn the_share_of_equal_lanes_estimates_jaccard() {
        let permutations = Permutations::new(512, 1);
        let (mut left, mut right) = (vec![0; 512], vec![0; 512]);
        for common in [20u64, 60, 90] {
            let mut error = 0.0;
            for trial in 0..200u64 {
                let hash = |at: u64| mix(trial * 1_000 + at);
                permutations.sign(&(0..100).map(hash).collect::<Vec<_>>(), &mut left);
                permutations.sign(&(100 - common..200 - common).map(hash).collect::<Vec<_>>(), &mut right);
                let jaccard = common as f64 / (200 - common) as f64;
                error += f64::from(equal_lanes(&left, &right)) / 512.0 - jaccard;
            }
            assert!((error / 200.0).abs() < 0.01, "common {common}: bias {}", error / 200.0);
        }
    }
}
