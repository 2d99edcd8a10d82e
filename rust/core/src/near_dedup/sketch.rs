//! MinHash signatures (Broder 1997): lane i comes from the minimum over all shingles of `h ^ X_i`.
//!
//! The minimum is taken over 32 bits, so that it does not saturate on long texts, and its lower 16 bits are kept, which
//! differ for different shingles (Li and König 2010, b-bit minwise hashing). Each lane reads one half of the shingle's
//! 64-bit hash, XORed with a constant of the lane, so one broadcast of the hash serves a whole vector of lanes.

use crate::dispatch;
use crate::near_dedup::shingle::mix;

/// Lanes that are computed together: one 512-bit vector.
const GROUP: usize = 16;
/// The constants of a group, two lanes in a word.
type Constants = [u64; GROUP / 2];

/// The constants of a family of signatures.
#[derive(Clone, Debug)]
pub struct Permutations {
    groups: Vec<Constants>,
    lanes: usize,
}

impl Permutations {
    /// `lanes` lanes from a seed. The lanes of a smaller family are the first of a larger one.
    #[must_use]
    pub fn new(lanes: usize, seed: u64) -> Self {
        let groups = (0..lanes.div_ceil(GROUP))
            .map(|group| std::array::from_fn(|word| mix(mix(seed) ^ (group * GROUP + word + 1) as u64)))
            .collect();
        Self { groups, lanes }
    }

    /// Lanes in a signature.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Fills a signature (`lanes()` values) from the hashes of a text's shingles; repeats change nothing.
    pub fn sign(&self, hashes: &[u64], signature: &mut [u16]) {
        for (constants, lanes) in self.groups.iter().zip(signature.chunks_mut(GROUP)) {
            let minima = group_minima(constants, hashes);
            for (lane, minimum) in lanes.iter_mut().zip(minima) {
                *lane = minimum as u16;
            }
        }
    }
}

/// Minima of one group, as signed numbers: the plainest instruction set compares only these.
fn group_minima(constants: &Constants, hashes: &[u64]) -> [i32; GROUP] {
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
fn portable(constants: &Constants, hashes: &[u64]) -> [i32; GROUP] {
    let mut minima = [i32::MAX; GROUP];
    for &hash in hashes {
        for (word, &constant) in constants.iter().enumerate() {
            let value = hash ^ constant;
            for half in 0..2 {
                let lane = &mut minima[word * 2 + half];
                *lane = (*lane).min((value >> (32 * half)) as i32);
            }
        }
    }
    minima
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_and_si128, _mm_andnot_si128, _mm_cmpgt_epi32, _mm_or_si128, _mm_set1_epi32,
        _mm_set1_epi64x, _mm_xor_si128, _mm256_min_epi32, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_xor_si256,
        _mm512_min_epi32, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_xor_si512,
    };
    use std::mem::transmute;

    use super::{Constants, GROUP};

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(constants: &Constants, hashes: &[u64]) -> [i32; GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
        let constants: __m512i = unsafe { transmute(*constants) };
        // Two minima, so that a minimum does not wait for the one before it.
        let mut minima = [_mm512_set1_epi32(i32::MAX); 2];
        let (pairs, rest) = hashes.as_chunks::<2>();
        for &[first, second] in pairs {
            minima[0] = _mm512_min_epi32(minima[0], _mm512_xor_si512(constants, _mm512_set1_epi64(first as i64)));
            minima[1] = _mm512_min_epi32(minima[1], _mm512_xor_si512(constants, _mm512_set1_epi64(second as i64)));
        }
        for &hash in rest {
            minima[0] = _mm512_min_epi32(minima[0], _mm512_xor_si512(constants, _mm512_set1_epi64(hash as i64)));
        }
        // SAFETY: as above.
        unsafe { transmute(_mm512_min_epi32(minima[0], minima[1])) }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(constants: &Constants, hashes: &[u64]) -> [i32; GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
        let constants: [__m256i; 2] = unsafe { transmute(*constants) };
        let mut minima = [_mm256_set1_epi32(i32::MAX); 2];
        for &hash in hashes {
            let hash = _mm256_set1_epi64x(hash as i64);
            minima[0] = _mm256_min_epi32(minima[0], _mm256_xor_si256(constants[0], hash));
            minima[1] = _mm256_min_epi32(minima[1], _mm256_xor_si256(constants[1], hash));
        }
        // SAFETY: as above.
        unsafe { transmute(minima) }
    }

    pub(super) fn sse2(constants: &Constants, hashes: &[u64]) -> [i32; GROUP] {
        // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
        let constants: [__m128i; 4] = unsafe { transmute(*constants) };
        // SAFETY: SSE2 is part of every x86-64 processor; the minima are 64 bytes without padding.
        unsafe {
            let mut minima = [_mm_set1_epi32(i32::MAX); 4];
            for &hash in hashes {
                let hash = _mm_set1_epi64x(hash as i64);
                for (minimum, &constant) in minima.iter_mut().zip(&constants) {
                    let value = _mm_xor_si128(constant, hash);
                    let smaller = _mm_cmpgt_epi32(*minimum, value);
                    *minimum = _mm_or_si128(_mm_and_si128(smaller, value), _mm_andnot_si128(smaller, *minimum));
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

/// Lanes whose equality is counted in one 16-bit number.
const LANES_AT_ONCE: usize = 32;

#[inline(always)]
fn equal_lanes_body(left: &[u16], right: &[u16]) -> u32 {
    let (left, left_rest) = left.as_chunks::<LANES_AT_ONCE>();
    let (right, right_rest) = right.as_chunks::<LANES_AT_ONCE>();
    let mut count = 0;
    for (left, right) in left.iter().zip(right) {
        let mut equal = 0u16;
        for lane in 0..LANES_AT_ONCE {
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
            let constants = Permutations::new(GROUP, seed).groups[0];
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
    fn long_texts_that_share_nothing_agree_in_nothing() {
        let permutations = Permutations::new(64, 1);
        let (mut left, mut right) = (vec![0; 64], vec![0; 64]);
        permutations.sign(&(0..200_000).map(mix).collect::<Vec<_>>(), &mut left);
        permutations.sign(&(200_000..400_000).map(mix).collect::<Vec<_>>(), &mut right);
        assert!(equal_lanes(&left, &right) <= 1);
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
