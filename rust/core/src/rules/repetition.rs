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
use crate::dispatch;

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
    hashes: Vec<u32>,
    met: Vec<[u32; 2]>,
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
    let RepetitionBuffers { classes, hashes, met, places, class_of, counts, .. } = buffers;
    let size = ids.len().saturating_sub(1);
    let bits = (size * BITS_PER_PAIR).next_power_of_two().clamp(BITS.start, BITS.end);
    met.clear();
    met.resize(bits / 32, [0; 2]);
    hashes.clear();
    hashes.resize(size, 0);
    hash_pairs(ids, hashes, bits.trailing_zeros());
    places.clear();
    if mark_pairs(hashes, met) {
        marked_pairs(hashes, met, places);
    }
    class_of.clear();
    counts.clear();
    counts.resize(places.len(), 0);
    classes.reset(places.len());
    for &place in places.iter() {
        let class = classes.class(key(ids[place as usize], ids[place as usize + 1]));
        counts[class as usize] += 1;
        class_of.push(class);
    }
    keep_repeated(places.len(), places, class_of, counts);
}

#[inline(always)]
fn key(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

dispatch! {
    fn hash_pairs(ids: &[u32], hashes: &mut [u32], bits: u32) = hash_pairs_body
}

/// The place of each pair among so many bits (their logarithm).
#[inline(always)]
fn hash_pairs_body(ids: &[u32], hashes: &mut [u32], bits: u32) {
    for ((hash, &first), &second) in hashes.iter_mut().zip(ids).zip(ids.iter().skip(1)) {
        let mixed = (first.wrapping_mul(0x9e37_79b1) ^ second).wrapping_mul(0x85eb_ca6b);
        *hash = mixed >> (32 - bits);
    }
}

/// Marks each pair as met, and those that were marked before as met again. Says whether there is one of these.
fn mark_pairs(hashes: &[u32], met: &mut [[u32; 2]]) -> bool {
    let mask = met.len() - 1;
    let mut any = 0;
    for &hash in hashes {
        let bit = 1 << (hash & 31);
        let [once, again] = &mut met[hash as usize >> 5 & mask];
        let twice = *once & bit;
        any |= twice;
        *again |= twice;
        *once |= bit;
    }
    any != 0
}

dispatch! {
    fn marked_pairs(hashes: &[u32], met: &[[u32; 2]], places: &mut Vec<u32>) = marked_pairs_body
}

/// The places of the pairs that were met again, and of those that share a bit with one.
#[inline(always)]
fn marked_pairs_body(hashes: &[u32], met: &[[u32; 2]], places: &mut Vec<u32>) {
    // Room for all, so that writing needs no branch.
    places.resize(hashes.len(), 0);
    let mask = met.len() - 1;
    let mut count = 0;
    for (place, &hash) in hashes.iter().enumerate() {
        places[count] = place as u32;
        count += (met[hash as usize >> 5 & mask][1] >> (hash & 31) & 1) as usize;
    }
    places.truncate(count);
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

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "shares are rounded down to whole steps, so equal ones are equal")]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Units, Option<Repetition>) {
        let points: Vec<u32> = text.chars().map(u32::from).collect();
        let mut units = Units::default();
        units.read(&points, true);
        let found = repetition(&mut units, &mut RepetitionBuffers::default());
        (units, found)
    }

    /// The units themselves, slowly, line by line.
    fn slow_units(text: &str) -> Vec<Vec<String>> {
        let split = |line: &str| {
            let mut units: Vec<String> = Vec::new();
            let mut in_word = false;
            for character in line.chars() {
                let alone = crate::text::is_east_asian(character.into());
                let word = character.is_alphanumeric() && !alone;
                match units.last_mut() {
                    Some(last) if word && in_word => last.push(character),
                    _ if word || alone => units.push(character.to_string()),
                    _ => {}
                }
                in_word = word;
            }
            units
        };
        text.split('\n').map(split).collect()
    }

    fn letters(units: &[String]) -> usize {
        units.iter().map(|unit| unit.chars().count()).sum()
    }

    /// Letters under the marked units.
    fn marked(units: &[String], marks: &[bool]) -> usize {
        units.iter().zip(marks).filter(|&(_, &mark)| mark).map(|(unit, _)| unit.chars().count()).sum()
    }

    fn slow_top(units: &[String], size: usize) -> usize {
        let mut places: HashMap<&[String], Vec<usize>> = HashMap::new();
        for (at, gram) in units.windows(size).enumerate() {
            places.entry(gram).or_default().push(at);
        }
        let covered = places.values().filter(|places| places.len() > 1).map(|places| {
            let mut marks = vec![false; units.len()];
            for &at in places {
                marks[at..at + size].fill(true);
            }
            marked(units, &marks)
        });
        covered.max().unwrap_or(0)
    }

    fn slow_repeated(units: &[String], size: usize) -> usize {
        let mut marks = vec![false; units.len()];
        for at in 0..(units.len() + 1).saturating_sub(size) {
            if (0..at).any(|before| units[before..before + size] == units[at..at + size]) {
                marks[at..at + size].fill(true);
            }
        }
        marked(units, &marks)
    }

    fn slow_lines(lines: &[Vec<String>]) -> usize {
        let again = |(at, line): &(usize, &Vec<String>)| !line.is_empty() && lines[..*at].contains(line);
        lines.iter().enumerate().filter(again).map(|(_, line)| letters(line)).sum()
    }

    proptest! {
        #[test]
        fn fast_is_slow(text in "[甲乙丙ab \n，1]{0,200}|(甲乙丙丁戊己庚辛壬癸|春夏秋冬|one two |three\n|，|[a-d] ){0,60}") {
            let lines = slow_units(&text);
            let units: Vec<String> = lines.concat();
            let all = letters(&units);
            let (read, found) = read(&text);
            prop_assert_eq!(read.ids.len(), units.len());
            prop_assert_eq!(read.letters, all);
            prop_assert_eq!(found.is_some(), all >= LEAST_LETTERS);
            let Some(found) = found else { return Ok(()) };
            for size in TOP_SIZES {
                prop_assert_eq!(found.top[size - 2], share(slow_top(&units, size), all), "top {}", size);
            }
            for size in REPEATED_SIZES {
                prop_assert_eq!(found.repeated[size - 5], share(slow_repeated(&units, size), all), "repeated {}", size);
            }
            prop_assert_eq!(found.lines, share(slow_lines(&lines), all));
        }
    }

    #[test]
    fn a_loop_is_nearly_all_repetition() {
        let (_, found) = read(&"我今天很高兴见到你。".repeat(20));
        let found = found.map(|found| (found.repeated[5], found.top[2])).unwrap_or_default();
        assert!(found.0 > 0.9 && found.1 > 0.4, "{found:?}");
    }

    #[test]
    fn code_between_fences_has_no_units() {
        assert_eq!(read("说明\n```\nlet x = 1;\n```\n好").0.ids.len(), 3);
        assert_eq!(read("```\nlet x = 1;").0.ids.len(), 0);
    }
}
