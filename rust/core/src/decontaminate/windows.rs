//! Hashes of the runs of characters that texts are searched by.

use super::fold::{is_wide, weight};

/// Odd, with no structure.
const BASE: u64 = 0x9e6c_63d0_876a_68dd;
const FACTOR: u64 = 0xd134_2543_de82_ef95;

/// The longest run of any kind, in characters.
pub const LONGEST: usize = 512;

/// What makes a run: its characters weigh at least so much, and without the last one less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Weight of a Han, kana or hangul character.
    pub wide: u32,
    /// Weight of any other letter or digit.
    pub narrow: u32,
    /// Weight of a run; no run is longer than [`LONGEST`].
    pub least: u32,
}

impl Size {
    /// Runs of six Han characters or eight letters: with one edit in ten characters, one of these stays whole.
    pub const SEED: Self = Self { wide: 4, narrow: 3, least: 24 };

    /// Runs of so many Han characters, or three times as many letters.
    #[must_use]
    pub fn ngram(characters: u32) -> Self {
        Self { wide: weight(0x4e00), narrow: weight(0x61), least: 3 * characters }
    }

    fn of(self, point: u32) -> u32 {
        if is_wide(point) { self.wide } else { self.narrow }
    }
}

/// Hashes of all parts of a text.
#[derive(Clone, Debug, Default)]
pub struct Hashes {
    prefix: Vec<u64>,
    powers: Vec<u64>,
}

impl Hashes {
    /// Those of this text from now on.
    pub fn set(&mut self, points: &[u32]) {
        if self.powers.is_empty() {
            let powers = std::iter::successors(Some(1u64), |power| Some(power.wrapping_mul(BASE)));
            self.powers = powers.take(LONGEST + 1).collect();
        }
        self.prefix.clear();
        self.prefix.reserve(points.len() + 1);
        let mut hash = 0u64;
        self.prefix.push(hash);
        for &point in points {
            hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(point).wrapping_add(1).wrapping_mul(FACTOR));
            self.prefix.push(hash);
        }
    }

    /// The hash of a part of at most [`LONGEST`] characters.
    #[inline]
    #[must_use]
    pub fn part(&self, start: usize, end: usize) -> u64 {
        let part = self.prefix[end].wrapping_sub(self.prefix[start].wrapping_mul(self.powers[end - start]));
        (part ^ (part >> 32)).wrapping_mul(FACTOR)
    }
}

/// Calls with start and end of every run of a size, in order. Starts ascend by one; the last ones may have no run.
#[inline]
pub fn each_run(points: &[u32], size: Size, mut run: impl FnMut(usize, usize)) {
    let (mut end, mut sum) = (0, 0);
    for (start, &first) in points.iter().enumerate() {
        while sum < size.least {
            let Some(&point) = points.get(end) else { return };
            sum += size.of(point);
            end += 1;
        }
        run(start, end);
        sum -= size.of(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs() {
        let points: Vec<u32> = "一二三abcdefg四五六七八九".chars().map(u32::from).collect();
        let mut runs = Vec::new();
        each_run(&points, Size::SEED, |start, end| runs.push((start, end)));
        assert_eq!(runs[..4], [(0, 7), (1, 9), (2, 10), (3, 11)]);
        assert_eq!(runs.last(), Some(&(10, 16)));
        let mut hashes = Hashes::default();
        hashes.set(&points);
        let whole = hashes.part(10, 16);
        hashes.set(&points[9..]);
        assert_eq!(hashes.part(1, 7), whole);
        assert_ne!(hashes.part(0, 6), whole);
        let mut none = 0;
        each_run(&points[..3], Size::SEED, |_, _| none += 1);
        each_run(&[], Size::ngram(13), |_, _| none += 1);
        assert_eq!(none, 0);
    }
}
