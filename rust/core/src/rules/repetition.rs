//! How much of a text says again what it has said: n-grams of units, lines, runs of one character.
//!
//! After the repetition rules of Rae et al. 2021 (arXiv 2112.11446, table A1), with two differences: a unit is a
//! Han, kana or hangul character or a word of any other writing, and only what comes again counts, so that an n-gram
//! which occurs once is no repetition. Numbers are words; marks, blanks and fenced code are no units.
//!
//! The n-grams of one size are told apart exactly: those of size n+1 are pairs of neighbouring classes of size n, and only
//! where both classes occur more than once can the pair. So each size looks at few places, mostly none.

use super::classes::Classes;
use super::measures::share;
use super::units::Units;

/// Letters that a text needs before its repetition means anything.
pub const LEAST_LETTERS: usize = 50;
/// Units of a text that are looked at; a longer text is judged by its beginning.
pub const MOST_UNITS: usize = 1 << 20;
/// Sizes of which the share of the most covering n-gram is taken.
pub const TOP_SIZES: std::ops::RangeInclusive<usize> = 2..=4;
/// Sizes of which the share of all repeats is taken.
pub const REPEATED_SIZES: std::ops::RangeInclusive<usize> = 5..=10;

/// The repetition of one text. Shares are of its letters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Repetition {
    /// For sizes 2, 3, 4: the share covered by the n-gram that covers most, if it occurs twice.
    pub top: [f32; 3],
    /// For sizes 5 to 10: the share inside n-grams that came before.
    pub repeated: [f32; 6],
    /// The share inside lines that came before.
    pub lines: f32,
    /// Units of the first most covering n-gram of each size in `top`.
    pub top_units: [(u32, u32); 3],
    /// Units of the first stretch that repeats, for each size in `repeated`.
    pub repeated_units: [(u32, u32); 6],
    /// Units of the first line that came before.
    pub line_units: (u32, u32),
}

/// What one thread needs; reused from text to text.
#[derive(Clone, Debug, Default)]
pub struct RepetitionBuffers {
    classes: Classes,
    met: Vec<[u64; 2]>,
    places: Vec<u32>,
    class_of: Vec<u32>,
    counts: Vec<u32>,
    covered: Vec<u32>,
    ends: Vec<u32>,
}

/// Measures a text; `None` if it has fewer than [`LEAST_LETTERS`] letters.
#[must_use]
pub fn repetition(units: &mut Units, buffers: &mut RepetitionBuffers) -> Option<Repetition> {
    if units.letters < LEAST_LETTERS {
        return None;
    }
    let count = units.ids.len().min(MOST_UNITS);
    let mut found = Repetition::default();
    pairs(&units.ids[..count], buffers);
    if buffers.places.is_empty() && units.lines.is_empty() {
        return Some(found);
    }
    units.count_letters();
    let letters = units.letters_before(count);
    for size in 2..=*REPEATED_SIZES.end() {
        if size > 2 {
            longer(buffers);
        }
        if buffers.places.is_empty() {
            break;
        }
        if TOP_SIZES.contains(&size) {
            let (covered, first) = most_covering(units, size, buffers);
            found.top[size - 2] = share(covered, letters);
            found.top_units[size - 2] = (first, first + size as u32);
        }
        if REPEATED_SIZES.contains(&size) {
            let (covered, stretch) = covered_by_repeats(units, size, buffers);
            found.repeated[size - 5] = share(covered, letters);
            found.repeated_units[size - 5] = stretch;
        }
    }
    let (covered, line) = repeated_lines(units, &units.ids[..count], &mut buffers.classes);
    found.lines = share(covered, letters);
    found.line_units = line;
    Some(found)
}

/// Bits for each pair of a text, so that few pairs share one by chance.
const BITS_PER_PAIR: usize = 64;
/// Bits, at least and at most.
const BITS: std::ops::Range<usize> = 1 << 12..1 << 26;

/// Classes of the pairs of neighbours that occur more than once, and their places.
///
/// A table of bits finds the few pairs that may have come before; only these are told apart exactly.
fn pairs(ids: &[u32], buffers: &mut RepetitionBuffers) {
    let RepetitionBuffers { classes, met, places, class_of, counts, .. } = buffers;
    let size = ids.len().saturating_sub(1);
    let bits = (size * BITS_PER_PAIR).next_power_of_two().clamp(BITS.start, BITS.end);
    met.clear();
    met.resize(bits / 64, [0; 2]);
    let key = |pair: &[u32]| u64::from(pair[0]) << 32 | u64::from(pair[1]);
    let mask = bits / 64 - 1;
    let place_of = |pair: &[u32]| {
        let hash = key(pair).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash >> 38) as usize & mask, 1u64 << (hash >> 32 & 63))
    };
    for pair in ids.windows(2) {
        let (word, bit) = place_of(pair);
        let [once, again] = &mut met[word];
        *again |= *once & bit;
        *once |= bit;
    }
    places.clear();
    for (place, pair) in ids.windows(2).enumerate() {
        let (word, bit) = place_of(pair);
        if met[word][1] & bit != 0 {
            places.push(place as u32);
        }
    }
    class_of.clear();
    counts.clear();
    counts.resize(places.len(), 0);
    classes.reset(places.len());
    for &place in places.iter() {
        let class = classes.class(key(&ids[place as usize..place as usize + 2]));
        counts[class as usize] += 1;
        class_of.push(class);
    }
    keep_repeated(places.len(), places, class_of, counts);
}

/// Of the first `found` places keeps those whose class occurs more than once.
fn keep_repeated(found: usize, places: &mut Vec<u32>, class_of: &mut Vec<u32>, counts: &[u32]) {
    let mut kept = 0;
    for at in 0..found {
        let class = class_of[at];
        if counts[class as usize] > 1 {
            places[kept] = places[at];
            class_of[kept] = class;
            kept += 1;
        }
    }
    places.truncate(kept);
    class_of.truncate(kept);
}

/// From the repeated n-grams to those of one unit more.
fn longer(buffers: &mut RepetitionBuffers) {
    let RepetitionBuffers { classes, places, class_of, counts, .. } = buffers;
    classes.reset(places.len());
    counts.clear();
    counts.resize(places.len(), 0);
    let mut found = 0;
    for at in 1..places.len() {
        if places[at] == places[at - 1] + 1 {
            let class = classes.class(u64::from(class_of[at - 1]) << 32 | u64::from(class_of[at]));
            counts[class as usize] += 1;
            // What is written lies before what is still to be read.
            places[found] = places[at - 1];
            class_of[found] = class;
            found += 1;
        }
    }
    keep_repeated(found, places, class_of, counts);
}

/// Letters covered by the n-gram that covers most, and the place of its first occurrence.
fn most_covering(units: &Units, size: usize, buffers: &mut RepetitionBuffers) -> (usize, u32) {
    let RepetitionBuffers { places, class_of, counts, covered, ends, .. } = buffers;
    covered.clear();
    covered.resize(counts.len(), 0);
    ends.clear();
    ends.resize(counts.len(), 0);
    let mut most = (0, 0);
    for (&place, &class) in places.iter().zip(class_of.iter()) {
        let class = class as usize;
        let start = units.letters_before(place as usize) as u32;
        let end = units.letters_before(place as usize + size) as u32;
        covered[class] += end - start.max(ends[class]);
        ends[class] = end;
        if covered[class] > most.0 {
            most = (covered[class], class);
        }
    }
    let first = class_of.iter().position(|&class| class as usize == most.1).map_or(0, |at| places[at]);
    (most.0 as usize, first)
}

/// Letters inside n-grams that came before, and the units of the first stretch of such.
fn covered_by_repeats(units: &Units, size: usize, buffers: &mut RepetitionBuffers) -> (usize, (u32, u32)) {
    let RepetitionBuffers { places, class_of, counts, .. } = buffers;
    // A count becomes the mark that a class was met.
    let mut covered = 0;
    let mut end = 0;
    let mut stretch: Option<(u32, u32)> = None;
    for (&place, &class) in places.iter().zip(class_of.iter()) {
        let count = &mut counts[class as usize];
        if *count > 0 {
            *count = 0;
            continue;
        }
        let last = place + size as u32;
        let from = place.max(end);
        covered += units.letters_before(last as usize) - units.letters_before(from as usize);
        stretch = match stretch {
            None => Some((place, last)),
            Some((first, until)) if place <= until && until == end => Some((first, last)),
            other => other,
        };
        end = last;
    }
    (covered, stretch.unwrap_or_default())
}

/// Letters in lines that came before, and the units of the first such line.
fn repeated_lines(units: &Units, ids: &[u32], classes: &mut Classes) -> (usize, (u32, u32)) {
    let mut covered = 0;
    let mut first = None;
    if units.lines.is_empty() {
        return (0, (0, 0));
    }
    classes.reset(units.lines.len() + 1);
    let mut start = 0;
    for end in units.lines.iter().map(|&line| line as usize).chain([ids.len()]) {
        let end = end.min(ids.len());
        if start < end {
            let hash = ids[start..end].iter().fold(end as u64 - start as u64, |hash, &id| {
                (hash ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
            });
            let known = classes.len();
            if (classes.class(hash) as usize) < known {
                covered += units.letters_before(end) - units.letters_before(start);
                first = first.or(Some((start as u32, end as u32)));
            }
        }
        start = end;
    }
    (covered, first.unwrap_or_default())
}
