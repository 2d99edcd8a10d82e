//! Where in a text a phrase may begin: told by the first two characters, at sixteen places at a time.

use crate::dispatch;
use crate::dispatch::{Level, level};

const BITS: usize = 1 << 16;

/// Which characters, and which pairs of characters, a phrase may begin with; other ones may have the same bit.
#[derive(Debug)]
pub struct Starts {
    singles: Box<[u64; BITS / 64]>,
    pairs: Box<[u64; BITS / 64]>,
    /// The same in tables that fit into registers: characters that are phrases, first and second ones of pairs.
    few_singles: Few,
    few_firsts: Few,
    few_seconds: Few,
}

/// A bit for each character modulo 1,024.
type Few = [u32; 32];

impl Starts {
    /// No phrase yet.
    pub fn new() -> Self {
        let table = || Box::new([0; BITS / 64]);
        Self { singles: table(), pairs: table(), few_singles: [0; 32], few_firsts: [0; 32], few_seconds: [0; 32] }
    }

    /// A phrase that is one folded character.
    pub fn add_single(&mut self, only: u32) {
        set(&mut self.singles[..], only as usize % BITS);
        set_few(&mut self.few_singles, only);
    }

    /// A phrase that begins with these two folded characters.
    pub fn add_pair(&mut self, first: u32, second: u32) {
        set(&mut self.pairs[..], pair_bit(first, second));
        set_few(&mut self.few_firsts, first);
        set_few(&mut self.few_seconds, second);
    }

    /// 1 if a phrase may begin with these two folded characters, else 0.
    #[inline(always)]
    fn may_begin(&self, first: u32, second: u32) -> u64 {
        bit(&self.pairs, pair_bit(first, second)) | bit(&self.singles, first as usize % BITS)
    }
}

fn set(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

fn set_few(few: &mut Few, point: u32) {
    few[(point >> 5 & 31) as usize] |= 1 << (point & 31);
}

/// A letter of ASCII in lower case, any other character as it is.
#[inline(always)]
#[must_use]
pub fn folded(point: u32) -> u32 {
    if point.wrapping_sub(u32::from('A')) < 26 { point | 0x20 } else { point }
}

#[inline(always)]
fn pair_bit(first: u32, second: u32) -> usize {
    ((first.wrapping_mul(0x9e37_79b1) ^ second.wrapping_mul(0x85eb_ca6b)) >> 16) as usize % BITS
}

#[inline(always)]
fn bit(bits: &[u64; BITS / 64], at: usize) -> u64 {
    bits[at / 64] >> (at % 64) & 1
}

/// Writes the places at which a phrase may begin, and says how many these are. `found` is made long enough.
pub fn candidates(points: &[u32], starts: &Starts, found: &mut Vec<u32>) -> usize {
    // Room for all, so that writing needs no branch.
    if found.len() < points.len() {
        found.resize(points.len(), 0);
    }
    #[cfg(target_arch = "x86_64")]
    {
        if level() == Level::Avx512 {
            // SAFETY: `level()` is never above what the processor was found to have.
            return unsafe { x86::candidates_avx512(points, starts, found) };
        }
    }
    candidates_plain(points, starts, found)
}

dispatch! {
    fn candidates_plain(points: &[u32], starts: &Starts, found: &mut [u32]) -> usize = candidates_body
}

#[inline(always)]
fn candidates_body(points: &[u32], starts: &Starts, found: &mut [u32]) -> usize {
    let mut count = 0;
    let mut first = points.first().map_or(0, |&point| folded(point));
    for at in 0..points.len() {
        let second = points.get(at + 1).map_or(0, |&point| folded(point));
        found[count] = at as u32;
        count += starts.may_begin(first, second) as usize;
        first = second;
    }
    count
}

/// Of some places keeps those at which a phrase may begin, in front, and says how many these are.
fn confirmed(points: &[u32], starts: &Starts, found: &mut [u32]) -> usize {
    let mut count = 0;
    for at in 0..found.len() {
        let place = found[at] as usize;
        let second = points.get(place + 1).map_or(0, |&point| folded(point));
        found[count] = found[at];
        count += starts.may_begin(folded(points[place]), second) as usize;
    }
    count
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cmplt_epu32_mask, _mm512_loadu_si512,
        _mm512_mask_compressstoreu_epi32, _mm512_mask_or_epi32, _mm512_or_si512, _mm512_permutex2var_epi32,
        _mm512_set1_epi32, _mm512_setr_epi32, _mm512_srli_epi32, _mm512_srlv_epi32, _mm512_sub_epi32,
        _mm512_test_epi32_mask,
    };

    use super::{Few, Starts, confirmed};

    const STEP: usize = 16;

    /// Writes the places of candidates, and says how many there are. `found` has room for all places.
    #[target_feature(enable = "avx512f,bmi1,popcnt")]
    pub(super) fn candidates_avx512(points: &[u32], starts: &Starts, found: &mut [u32]) -> usize {
        debug_assert!(found.len() >= points.len());
        let singles = Table::load(&starts.few_singles);
        let firsts = Table::load(&starts.few_firsts);
        let seconds = Table::load(&starts.few_seconds);
        let (mut at, mut count) = (0, 0);
        let mut places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        // The place after the last of a step is read as well.
        while at + STEP < points.len() {
            // SAFETY: 17 code points are left.
            let (first, second) = unsafe {
                let here = points.as_ptr().add(at);
                (_mm512_loadu_si512(here.cast()), _mm512_loadu_si512(here.add(1).cast()))
            };
            let (first, second) = (folded_step(first), folded_step(second));
            let pairs = _mm512_and_si512(firsts.bits(first), seconds.bits(second));
            let hits = _mm512_or_si512(pairs, singles.bits(first));
            let mask = _mm512_test_epi32_mask(hits, _mm512_set1_epi32(1));
            // SAFETY: `found` has room for as many places as there are code points; at most `at` were written before.
            unsafe { _mm512_mask_compressstoreu_epi32(found.as_mut_ptr().add(count).cast(), mask, places) };
            count += mask.count_ones() as usize;
            at += STEP;
            places = _mm512_add_epi32(places, _mm512_set1_epi32(STEP as i32));
        }
        let all = count + points.len() - at;
        for (place, found) in (at..points.len()).zip(&mut found[count..all]) {
            *found = place as u32;
        }
        confirmed(points, starts, &mut found[..all])
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn folded_step(points: __m512i) -> __m512i {
        let from_a = _mm512_sub_epi32(points, _mm512_set1_epi32(i32::from(b'A')));
        let upper = _mm512_cmplt_epu32_mask(from_a, _mm512_set1_epi32(26));
        _mm512_mask_or_epi32(points, upper, points, _mm512_set1_epi32(0x20))
    }

    /// The bits of a [`Few`] in two registers.
    struct Table(__m512i, __m512i);

    impl Table {
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn load(few: &Few) -> Self {
            // SAFETY: 128 bytes, two registers.
            unsafe { Self(_mm512_loadu_si512(few.as_ptr().cast()), _mm512_loadu_si512(few.as_ptr().add(16).cast())) }
        }

        /// The bit of each character in the lowest bit of its lane, with other bits above it.
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn bits(&self, points: __m512i) -> __m512i {
            // A place is taken modulo 32, as `set_few` does.
            let words = _mm512_permutex2var_epi32(self.0, _mm512_srli_epi32::<5>(points), self.1);
            _mm512_srlv_epi32(words, _mm512_and_si512(points, _mm512_set1_epi32(31)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_level_finds_the_same_places(text in "[由-甴a-dA-D，\x00\u{10ffff}]{0,90}", phrases in proptest::collection::vec("[由-甴a-d，\x00]{1,3}", 0..6)) {
            let mut starts = Starts::new();
            for phrase in &phrases {
                match phrase.chars().map(u32::from).collect::<Vec<_>>()[..] {
                    [only] => starts.add_single(only),
                    [first, second, ..] => starts.add_pair(first, second),
                    [] => {}
                }
            }
            let points: Vec<u32> = text.chars().map(u32::from).collect();
            let (mut fast, mut slow) = (vec![7; 3], vec![0; points.len()]);
            let count = candidates(&points, &starts, &mut fast);
            let expected = candidates_body(&points, &starts, &mut slow);
            prop_assert_eq!(&fast[..count], &slow[..expected]);
        }
    }
}
