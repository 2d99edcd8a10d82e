//! Counts and comparisons of code points.

use super::units::is_letter;
use crate::dispatch;
use crate::dispatch::{Level, level};

/// How many code points of a text are of which kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// Han characters of the blocks that Chinese uses daily.
    pub han: usize,
    /// Kana and hangul.
    pub syllables: usize,
    /// Letters of ASCII.
    pub latin: usize,
    /// C1 controls and private characters, which no text needs.
    pub stray: usize,
    /// Code points that are the same as the one before.
    pub repeated: usize,
}

/// Counts the kinds of a text's code points.
#[must_use]
pub fn count(points: &[u32]) -> Letters {
    #[cfg(target_arch = "x86_64")]
    {
        if level() == Level::Avx512 {
            // SAFETY: `level()` is never above what the processor was found to have.
            return unsafe { x86::count_avx512(points) };
        }
    }
    count_plain(points)
}

dispatch! {
    fn count_plain(points: &[u32]) -> Letters = count_body
}

/// Han characters of the blocks that Chinese uses daily.
const HAN: [(u32, u32); 2] = [(0x4e00, 0x9fff), (0x3400, 0x4dbf)];
/// Kana and hangul.
const SYLLABLES: [(u32, u32); 4] = [(0x3041, 0x3096), (0x30a1, 0x30fa), (0xac00, 0xd7a3), (0x1100, 0x11ff)];
/// C1 controls and private characters, which no text needs.
const STRAY: [(u32, u32); 3] = [(0x80, 0x9f), (0xe000, 0xf8ff), (0xf_0000, u32::MAX)];

#[inline(always)]
fn count_body(points: &[u32]) -> Letters {
    let within = |point: u32, (first, last): (u32, u32)| u32::from(point.wrapping_sub(first) <= last - first);
    let (mut han, mut syllables, mut latin, mut stray, mut repeated) = (0, 0, 0, 0, 0);
    // 32-bit sums become vectors; a text has fewer code points than they hold.
    for &point in points {
        han += HAN.iter().map(|&range| within(point, range)).sum::<u32>();
        syllables += SYLLABLES.iter().map(|&range| within(point, range)).sum::<u32>();
        latin += within(point | 0x20, (u32::from(b'a'), u32::from(b'z')));
        stray += is_stray(point);
    }
    for (&left, &right) in points.iter().zip(points.iter().skip(1)) {
        repeated += u32::from(left == right);
    }
    Letters {
        han: han as usize,
        syllables: syllables as usize,
        latin: latin as usize,
        stray: stray as usize,
        repeated: repeated as usize,
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, __mmask16, _mm512_cmpeq_epi32_mask, _mm512_cmple_epu32_mask, _mm512_loadu_si512, _mm512_or_si512,
        _mm512_set1_epi32, _mm512_sub_epi32,
    };

    use super::{HAN, Letters, STRAY, SYLLABLES, count_body};

    const STEP: usize = 16;

    /// As `count_body`. Most steps hold Han, ASCII and marks alone, and need no look at the other ranges.
    #[target_feature(enable = "avx512f,bmi1,popcnt")]
    pub(super) fn count_avx512(points: &[u32]) -> Letters {
        let mut found = Letters::default();
        let mut at = 0;
        // The place after the last of a step is read as well.
        while at + STEP < points.len() {
            // SAFETY: 17 code points are left.
            let (block, next) = unsafe {
                let here = points.as_ptr().add(at);
                (_mm512_loadu_si512(here.cast()), _mm512_loadu_si512(here.add(1).cast()))
            };
            found.repeated += _mm512_cmpeq_epi32_mask(block, next).count_ones() as usize;
            let ascii = within(block, (0, 0x7f));
            let mut han = within(block, HAN[0]);
            let marks = within(block, (0x2000, 0x303f)) | within(block, (0xf900, 0xffff));
            if ascii | han | marks != __mmask16::MAX {
                han |= within(block, HAN[1]);
                found.syllables += SYLLABLES.iter().map(|&range| number(block, range)).sum::<usize>();
                found.stray += STRAY.iter().map(|&range| number(block, range)).sum::<usize>();
            }
            found.han += han.count_ones() as usize;
            if ascii != 0 {
                let lower = _mm512_or_si512(block, _mm512_set1_epi32(0x20));
                found.latin += number(lower, (u32::from(b'a'), u32::from(b'z')));
            }
            at += STEP;
        }
        let rest = count_body(&points[at..]);
        Letters {
            han: found.han + rest.han,
            syllables: found.syllables + rest.syllables,
            latin: found.latin + rest.latin,
            stray: found.stray + rest.stray,
            repeated: found.repeated + rest.repeated,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn number(block: __m512i, range: (u32, u32)) -> usize {
        within(block, range).count_ones() as usize
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn within(block: __m512i, (first, last): (u32, u32)) -> __mmask16 {
        let above = _mm512_sub_epi32(block, _mm512_set1_epi32(first as i32));
        _mm512_cmple_epu32_mask(above, _mm512_set1_epi32((last - first) as i32))
    }
}

/// 1 for a C1 control or a private character, else 0.
#[inline(always)]
#[must_use]
pub fn is_stray(point: u32) -> u32 {
    STRAY.iter().map(|&(first, last)| u32::from(point.wrapping_sub(first) <= last - first)).sum()
}

/// A text without the white space at its ends.
#[must_use]
pub fn trimmed(points: &[u32]) -> &[u32] {
    let blank = |point: &u32| matches!(point, 9..=13 | 32) || *point >= 0x85 && is_white_space(*point);
    let start = points.iter().position(|point| !blank(point)).unwrap_or(points.len());
    let end = points.iter().rposition(|point| !blank(point)).map_or(start, |last| last + 1);
    &points[start..end]
}

#[must_use]
fn is_white_space(point: u32) -> bool {
    char::from_u32(point).is_some_and(char::is_whitespace)
}

/// Letters that a text needs for two to be the same: a greeting is answered by the same greeting.
const LEAST_SAME: usize = 6;

/// Whether two texts have the same letters and digits in the same order, in either case, whatever else they have.
#[must_use]
pub fn same_letters(left: &[u32], right: &[u32]) -> bool {
    let letter = |point: &u32| is_letter(*point);
    let mut right = right.iter().copied().filter(letter);
    let mut same = 0;
    for point in left.iter().copied().filter(letter) {
        if right.next().is_none_or(|other| other != point && lower(other) != lower(point)) {
            return false;
        }
        same += 1;
    }
    same >= LEAST_SAME && right.next().is_none()
}

fn lower(point: u32) -> Option<char> {
    if (0x3000..0xa000).contains(&point) {
        // Chinese and kana have no case; asking for it takes long.
        return char::from_u32(point);
    }
    char::from_u32(point).and_then(|character| character.to_lowercase().next())
}

dispatch! {
    /// Length and start of the longest run of one character, white space left out; `(0, 0)` of an empty text.
    pub fn longest_run(points: &[u32]) -> (usize, usize) = longest_run_body
}

/// Code points of which most hold no run, which a few vector instructions tell.
const RUN_STEP: usize = 64;

#[inline(always)]
fn longest_run_body(points: &[u32]) -> (usize, usize) {
    let first = points.iter().position(|&point| !is_white_space(point));
    let mut longest = first.map_or((0, 0), |first| (1, first));
    let mut start = 0;
    let mut at = 0;
    while at < points.len() {
        let end = points.len().min(at + RUN_STEP);
        // A run begins, goes on or ends in this step if two neighbours up to the one after it are the same.
        let neighbours = points[at..end].iter().zip(points.iter().skip(at + 1));
        if neighbours.fold(0, |any, (&left, &right)| any | u32::from(left == right)) == 0 && start == at {
            (start, at) = (end, end);
            continue;
        }
        for end in at + 1..=end {
            if points.get(end) != Some(&points[start]) {
                if end - start > longest.0 && !is_white_space(points[start]) {
                    longest = (end - start, start);
                }
                start = end;
            }
        }
        at = end;
    }
    longest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow_run(points: &[u32]) -> (usize, usize) {
        let run = |start: usize| points[start..].iter().take_while(|&&point| point == points[start]).count();
        let starts = (0..points.len()).filter(|&start| !is_white_space(points[start]));
        starts
            .map(|start| (run(start), start))
            .fold((0, 0), |longest, run| if run.0 > longest.0 { run } else { longest })
    }

    proptest! {
        #[test]
        fn the_longest_run_is_found(lengths in proptest::collection::vec((1..70_usize, 0..4_usize), 0..20)) {
            let points: Vec<u32> = lengths.iter().flat_map(|&(length, which)| vec![[32, 97, 0x4e00, 98][which]; length]).collect();
            prop_assert_eq!(longest_run(&points), slow_run(&points));
        }

        #[test]
        fn every_level_counts_the_same(text in "[\u{4e00}-\u{4e80}，。a1 \n]{0,120}|[\u{70}-\u{a0}\u{3030}-\u{3110}\u{33f0}-\u{3410}\u{d7a0}-\u{d7ff}\u{e000}-\u{e010}\u{abf0}-\u{ac10}\u{f8f0}-\u{f910}\u{10f0}-\u{1210}中😀\u{f0000}]{0,99}") {
            let points: Vec<u32> = text.chars().map(u32::from).collect();
            let plain = count_body(&points);
            prop_assert_eq!(count(&points), plain);
            prop_assert_eq!(longest_run(&points), slow_run(&points));
            prop_assert_eq!(plain.stray, text.chars().filter(|&point| matches!(u32::from(point), 0x80..=0x9f | 0xe000..=0xf8ff | 0xf0000..)).count());
        }
    }
}
