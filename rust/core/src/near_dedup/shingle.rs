//! Shingles: five characters in a row for text with Han, kana or hangul, three words for any other.

use crate::dispatch;
use crate::text::is_east_asian;

/// Sizes of the shingles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShingleSize {
    /// Characters in a shingle of a text with any Han, kana or hangul character; 1 to 64.
    pub characters: usize,
    /// Words (runs without white space) in a shingle of any other text; 1 to 64.
    pub words: usize,
}

/// The largest shingle, in characters or words.
pub const LARGEST_SHINGLE: usize = 64;

// Odd, with no structure: the fraction bits of the square roots of the first primes.
const FACTORS: [u64; 22] = factors();
const CHARACTER_SALT: u64 = 0x3c6e_f372_fe94_f82b;
const WORD_SALT: u64 = 0x510e_527f_ade6_82d1;
const SHORT_SALT: u64 = 0x1f83_d9ab_fb41_bd6b;

const fn factors() -> [u64; 22] {
    let mut factors = [0; 22];
    let mut at = 0;
    while at < factors.len() {
        factors[at] = mix(0x6a09_e667_f3bc_c908 + at as u64) | 1;
        at += 1;
    }
    factors
}

/// A bijection of 64 bits in which every bit of the input moves every bit of the output (`SplitMix64`'s finaliser).
#[inline(always)]
#[must_use]
pub const fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Spreads a sum of products over all 64 bits; a bijection. Cheaper than [`mix`]: vectors multiply slowly.
#[inline(always)]
const fn spread(mut x: u64) -> u64 {
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// Buffers of one thread, so that no row allocates.
#[derive(Clone, Debug, Default)]
pub struct ShingleBuffers {
    packs: Vec<u64>,
    words: Vec<u64>,
}

/// The 64-bit hashes of a text's shingles, in order, repeats included; never empty.
///
/// A text shorter than one shingle is its own shingle. Shingles of characters and of words never meet.
pub fn shingle_hashes(points: &[u32], size: ShingleSize, buffers: &mut ShingleBuffers, hashes: &mut Vec<u64>) {
    hashes.clear();
    if points.iter().any(|&point| is_east_asian(point)) {
        if points.len() < size.characters {
            hashes.push(short_hash(points, CHARACTER_SALT));
        } else if size.characters == 5 {
            five_character_hashes(points, hashes);
        } else {
            character_hashes(points, size.characters, &mut buffers.packs, hashes);
        }
    } else {
        word_hashes(points, size.words, &mut buffers.words, hashes);
    }
}

fn short_hash(points: &[u32], salt: u64) -> u64 {
    points.iter().fold(mix(salt ^ SHORT_SALT), |hash, &point| mix(hash ^ u64::from(point)))
}

/// Three code points of 21 bits in one word: nothing is lost.
#[inline(always)]
fn pack(first: u32, second: u32, third: u32) -> u64 {
    (u64::from(first) << 42) | (u64::from(second) << 21) | u64::from(third)
}

dispatch! {
    fn five_character_hashes(points: &[u32], hashes: &mut Vec<u64>) = five_character_hashes_body
}

// The general case with the two packs written out: it is the default and the hottest loop of a scan.
#[inline(always)]
fn five_character_hashes_body(points: &[u32], hashes: &mut Vec<u64>) {
    let count = points.len() - 4;
    hashes.resize(count, 0);
    let (a, b, c, d, e) =
        (&points[..count], &points[1..=count], &points[2..count + 2], &points[3..count + 3], &points[4..count + 4]);
    for at in 0..count {
        let front = pack(a[at], b[at], c[at]).wrapping_mul(FACTORS[0]);
        let back = pack(0, d[at], e[at]).wrapping_mul(FACTORS[1]);
        hashes[at] = spread(front.wrapping_add(back).wrapping_add(CHARACTER_SALT));
    }
}

fn character_hashes(points: &[u32], size: usize, packs: &mut Vec<u64>, hashes: &mut Vec<u64>) {
    let point = |at: usize| points.get(at).copied().unwrap_or(0);
    packs.clear();
    packs.extend((0..points.len()).map(|at| pack(points[at], point(at + 1), point(at + 2))));
    for start in 0..=points.len() - size {
        let mut hash = CHARACTER_SALT;
        for (index, at) in (0..size).step_by(3).enumerate() {
            let kept = (size - at).min(3);
            hash = hash.wrapping_add((packs[start + at] >> (21 * (3 - kept))).wrapping_mul(FACTORS[index]));
        }
        hashes.push(spread(hash));
    }
}

fn word_hashes(points: &[u32], size: usize, words: &mut Vec<u64>, hashes: &mut Vec<u64>) {
    words.clear();
    for word in points.split(|&point| char::from_u32(point).is_some_and(char::is_whitespace)) {
        if !word.is_empty() {
            words
                .push(word.iter().fold(WORD_SALT, |hash, &point| {
                    (hash ^ u64::from(point)).wrapping_mul(FACTORS[0]).rotate_left(29)
                }));
        }
    }
    if words.len() < size {
        hashes.push(short_hash(points, WORD_SALT));
        return;
    }
    for window in words.windows(size) {
        hashes.push(window.iter().fold(WORD_SALT, |hash, &word| mix(hash ^ word)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    const SIZE: ShingleSize = ShingleSize { characters: 5, words: 3 };

    fn hashes(text: &str, size: ShingleSize) -> Vec<u64> {
        let points: Vec<u32> = text.chars().map(u32::from).collect();
        let mut hashes = Vec::new();
        shingle_hashes(&points, size, &mut ShingleBuffers::default(), &mut hashes);
        hashes
    }

    /// The shingles themselves, slowly.
    fn shingles(text: &str, size: ShingleSize) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        if characters.iter().any(|&c| is_east_asian(c.into())) {
            if characters.len() < size.characters {
                return vec![format!("short {text}")];
            }
            return characters.windows(size.characters).map(|w| w.iter().collect()).collect();
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() < size.words {
            return vec![format!("short {text}")];
        }
        words.windows(size.words).map(|w| w.join("\u{1f}")).collect()
    }

    proptest! {
        #[test]
        fn equal_hashes_mean_equal_shingles(
            text in "[甲乙丙a b\n]{0,40}|[ab \u{3000}]{0,40}|\\PC{0,30}", characters in 1usize..=9, words in 1usize..=4,
        ) {
            let size = ShingleSize { characters, words };
            let (hashes, shingles) = (hashes(&text, size), shingles(&text, size));
            prop_assert_eq!(hashes.len(), shingles.len());
            let pairs: HashSet<_> = hashes.iter().zip(&shingles).collect();
            let by_hash: HashMap<_, _> = pairs.iter().copied().collect();
            let by_shingle: HashMap<_, _> = pairs.iter().map(|&(hash, shingle)| (shingle, hash)).collect();
            prop_assert_eq!(by_hash.len(), pairs.len());
            prop_assert_eq!(by_shingle.len(), pairs.len());
        }
    }

    #[test]
    fn the_default_size_is_the_general_case() {
        let points: Vec<u32> = "今天天气很好，我们去公园。😀".chars().map(u32::from).collect();
        let (mut fast, mut general) = (Vec::new(), Vec::new());
        five_character_hashes(&points, &mut fast);
        character_hashes(&points, 5, &mut Vec::new(), &mut general);
        assert_eq!(fast, general);
    }

    #[test]
    fn short_texts_are_their_own_shingle() {
        assert_ne!(hashes("你好", SIZE), hashes("您好", SIZE));
        assert_ne!(hashes("", SIZE), hashes(" ", SIZE));
        assert_eq!(hashes("hello world", SIZE).len(), 1);
        assert_eq!(hashes("one two three", SIZE).len(), 1);
    }
}
