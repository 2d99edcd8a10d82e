//! Counts and comparisons of code points.

use super::units::is_letter;
use crate::dispatch;

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

dispatch! {
    /// Counts the kinds of a text's code points.
    pub fn count(points: &[u32]) -> Letters = count_body
}

#[inline(always)]
fn count_body(points: &[u32]) -> Letters {
    let within = |point: u32, first: u32, last: u32| u32::from(point.wrapping_sub(first) <= last - first);
    let (mut han, mut syllables, mut latin, mut stray, mut repeated) = (0, 0, 0, 0, 0);
    // 32-bit sums become vectors; a text has fewer code points than they hold.
    for &point in points {
        han += within(point, 0x4e00, 0x9fff) + within(point, 0x3400, 0x4dbf);
        syllables += within(point, 0x3041, 0x3096)
            + within(point, 0x30a1, 0x30fa)
            + within(point, 0xac00, 0xd7a3)
            + within(point, 0x1100, 0x11ff);
        latin += within(point | 0x20, u32::from('a'), u32::from('z'));
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

/// 1 for a C1 control or a private character, else 0.
#[inline(always)]
#[must_use]
pub fn is_stray(point: u32) -> u32 {
    u32::from(point.wrapping_sub(0x80) <= 0x1f)
        + u32::from(point.wrapping_sub(0xe000) <= 0xf8ff - 0xe000)
        + u32::from(point >= 0xf_0000)
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
    char::from_u32(point).and_then(|character| character.to_lowercase().next())
}

/// Length and start of the longest run of one character, white space left out; `(0, 0)` of an empty text.
#[must_use]
pub fn longest_run(points: &[u32]) -> (usize, usize) {
    let mut longest = (0, 0);
    let mut start = 0;
    for end in 1..=points.len() {
        if points.get(end) != Some(&points[start]) {
            if end - start > longest.0 && !is_white_space(points[start]) {
                longest = (end - start, start);
            }
            start = end;
        }
    }
    longest
}
