//! The signatures of the Python package `datasketch`, bit for bit.
//!
//! Every shingle's UTF-8 goes through SHA-1; its first bytes, little-endian, are a number that each permutation
//! `a * h + b` moves, and the minimum over all shingles is a value of the signature. The schemes differ in width:
//! [`Scheme`]. The factors come from the caller, as `datasketch` draws them from numpy's generator.

use rayon::prelude::*;
use sha1::{Digest, Sha1};

use super::ParameterError;
use super::shingle::{LARGEST_SHINGLE, ShingleSize};
use crate::batch::Turns;
use crate::dispatch;
use crate::progress::{Cancelled, Progress};
use crate::text::is_east_asian;

/// How `datasketch` computes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `datasketch` 2's default: 32 bits of SHA-1, mixed, times an odd number plus another modulo 2^32.
    Affine32,
    /// The same with 64 bits.
    Affine64,
    /// The only one before `datasketch` 2: 32 bits of SHA-1, a product modulo 2^64, then modulo the prime 2^61 - 1, of
    /// which the lower 32 bits count.
    Legacy,
}

impl Scheme {
    /// The scheme that `datasketch` calls so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "affine32" => Some(Self::Affine32),
            "affine64" => Some(Self::Affine64),
            "legacy" => Some(Self::Legacy),
            _ => None,
        }
    }
}

/// Signatures of some rows, `[rows, permutations]`, in the width that `datasketch` holds them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Of [`Scheme::Affine32`].
    Narrow(Vec<u32>),
    /// Of the other schemes.
    Wide(Vec<u64>),
}

/// A scheme, its factors and the size of the shingles.
#[derive(Clone, Debug)]
pub struct Signer {
    scheme: Scheme,
    factors: Vec<u64>,
    terms: Vec<u64>,
    shingle: ShingleSize,
}

/// Rows that one task signs.
const ROWS_PER_TASK: usize = 256;
const MERSENNE_PRIME: u64 = (1 << 61) - 1;

impl Signer {
    /// From `datasketch`'s permutations: as many `factors` as `terms`, in the scheme's width.
    ///
    /// # Errors
    /// A setting that makes no sense.
    pub fn new(
        scheme: Scheme,
        factors: Vec<u64>,
        terms: Vec<u64>,
        shingle: ShingleSize,
    ) -> Result<Self, ParameterError> {
        let error = |name, value: usize, rule| Err(ParameterError { name, value: value.to_string(), rule });
        let sizes = 1..=LARGEST_SHINGLE;
        if !sizes.contains(&shingle.characters) {
            return error("shingle_characters", shingle.characters, "it must be 1 to 64");
        }
        if !sizes.contains(&shingle.words) {
            return error("shingle_words", shingle.words, "it must be 1 to 64");
        }
        if factors.is_empty() || factors.len() != terms.len() {
            return error("permutations", factors.len(), "as many factors as terms are needed, and at least one");
        }
        if scheme == Scheme::Affine32 && factors.iter().chain(&terms).any(|&value| value > u64::from(u32::MAX)) {
            return error("permutations", factors.len(), "affine32 has 32 bits");
        }
        Ok(Self { scheme, factors, terms, shingle })
    }

    /// Signs the rows of all chunks: the texts of their turns that are not empty, joined by line feeds.
    ///
    /// A text with any Han, kana or hangul character is cut into characters, any other into words, which one space
    /// joins; a text shorter than a shingle is its own, the empty one too.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn sign(&self, chunks: &[Turns<'_>], progress: &Progress) -> Result<Values, Cancelled> {
        match self.scheme {
            Scheme::Affine32 => {
                let narrow = |values: &[u64]| values.iter().map(|&value| value as u32).collect::<Vec<_>>();
                let (factors, terms) = (narrow(&self.factors), narrow(&self.terms));
                let sign =
                    |hashes: &mut Hashes, minima: &mut [u32]| affine32(hashes.mixed32(), &factors, &terms, minima);
                self.sign_chunks(chunks, u32::MAX, progress, sign).map(Values::Narrow)
            }
            Scheme::Affine64 => {
                let sign = |hashes: &mut Hashes, minima: &mut [u64]| {
                    affine64(hashes.mixed64(), &self.factors, &self.terms, minima);
                };
                self.sign_chunks(chunks, u64::MAX, progress, sign).map(Values::Wide)
            }
            Scheme::Legacy => {
                let sign =
                    |hashes: &mut Hashes, minima: &mut [u64]| legacy(&hashes.first, &self.factors, &self.terms, minima);
                self.sign_chunks(chunks, u64::from(u32::MAX), progress, sign).map(Values::Wide)
            }
        }
    }

    fn sign_chunks<T: Send + Copy>(
        &self,
        chunks: &[Turns<'_>],
        largest: T,
        progress: &Progress,
        minima: impl Fn(&mut Hashes, &mut [T]) + Sync,
    ) -> Result<Vec<T>, Cancelled> {
        let rows: usize = chunks.iter().map(Turns::rows).sum();
        progress.expect(rows as u64);
        let mut values = vec![largest; rows * self.factors.len()];
        let mut rest = values.as_mut_slice();
        for turns in chunks {
            let (of_chunk, after) = rest.split_at_mut(turns.rows() * self.factors.len());
            self.sign_rows(*turns, of_chunk, progress, &minima)?;
            rest = after;
        }
        Ok(values)
    }

    fn sign_rows<T: Send>(
        &self,
        turns: Turns<'_>,
        values: &mut [T],
        progress: &Progress,
        minima: impl Fn(&mut Hashes, &mut [T]) + Sync,
    ) -> Result<(), Cancelled> {
        let count = self.factors.len();
        values.par_chunks_mut(count * ROWS_PER_TASK).enumerate().try_for_each_init(
            || (String::new(), Vec::new(), Hashes::default()),
            |(text, starts, hashes), (task, values)| {
                progress.check()?;
                for (offset, values) in values.chunks_exact_mut(count).enumerate() {
                    read_text(turns, task * ROWS_PER_TASK + offset, text);
                    hashes.clear();
                    each_shingle(text, self.shingle, starts, |shingle| hashes.add(shingle));
                    hashes.flush();
                    minima(hashes, values);
                }
                progress.advance(ROWS_PER_TASK as u64);
                Ok(())
            },
        )
    }
}

fn read_text(turns: Turns<'_>, row: usize, text: &mut String) {
    text.clear();
    for (_, turn) in turns.of(row).filter(|(_, turn)| !turn.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&String::from_utf8_lossy(turn));
    }
}

/// Calls `found` with the UTF-8 of every shingle, repeats included.
fn each_shingle(text: &str, size: ShingleSize, starts: &mut Vec<usize>, mut found: impl FnMut(&[u8])) {
    starts.clear();
    if text.chars().any(|character| is_east_asian(character.into())) {
        starts.extend(text.char_indices().map(|(start, _)| start));
        starts.push(text.len());
        if starts.len() > size.characters {
            for (&start, &end) in starts.iter().zip(&starts[size.characters..]) {
                found(&text.as_bytes()[start..end]);
            }
            return;
        }
    } else {
        let mut joined = String::with_capacity(text.len() + 1);
        for word in text.split_whitespace() {
            starts.push(joined.len());
            joined.push_str(word);
            joined.push(' ');
        }
        starts.push(joined.len());
        if starts.len() > size.words {
            for (&start, &end) in starts.iter().zip(&starts[size.words..]) {
                found(&joined.as_bytes()[start..end - 1]);
            }
            return;
        }
    }
    found(text.as_bytes());
}

/// Messages that are hashed together: one 512-bit vector of words.
const LANES: usize = 16;
/// The longest message of one block: 64 bytes less the end mark and the length.
const ONE_BLOCK: usize = 55;

type Block = [[u32; LANES]; 16];

/// The first eight bytes of the SHA-1 of a row's shingles, as two little-endian numbers each.
#[derive(Default)]
struct Hashes {
    first: Vec<u32>,
    second: Vec<u32>,
    mixed32: Vec<u32>,
    mixed64: Vec<u64>,
    block: Block,
    waiting: usize,
}

impl Hashes {
    fn clear(&mut self) {
        self.first.clear();
        self.second.clear();
    }

    fn add(&mut self, message: &[u8]) {
        if message.len() > ONE_BLOCK {
            let digest = Sha1::digest(message);
            self.first.push(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]));
            self.second.push(u32::from_le_bytes([digest[4], digest[5], digest[6], digest[7]]));
            return;
        }
        let mut bytes = [0; 64];
        bytes[..message.len()].copy_from_slice(message);
        bytes[message.len()] = 0x80;
        let words = bytes.as_chunks::<4>().0;
        for (lanes, &word) in self.block.iter_mut().zip(words) {
            lanes[self.waiting] = u32::from_be_bytes(word);
        }
        self.block[15][self.waiting] = 8 * message.len() as u32;
        self.waiting += 1;
        if self.waiting == LANES {
            self.flush();
        }
    }

    /// Hashes what waits.
    fn flush(&mut self) {
        if self.waiting > 0 {
            let mut digest = [[0; LANES]; 2];
            sha1_of_blocks(&mut self.block, &mut digest);
            self.first.extend_from_slice(&digest[0][..self.waiting]);
            self.second.extend_from_slice(&digest[1][..self.waiting]);
            self.waiting = 0;
        }
    }

    fn mixed32(&mut self) -> &[u32] {
        self.mixed32.clear();
        self.mixed32.extend(self.first.iter().map(|&hash| murmur32(hash)));
        &self.mixed32
    }

    fn mixed64(&mut self) -> &[u64] {
        let joined = self.first.iter().zip(&self.second).map(|(&low, &high)| u64::from(high) << 32 | u64::from(low));
        self.mixed64.clear();
        self.mixed64.extend(joined.map(murmur64));
        &self.mixed64
    }
}

dispatch! {
    /// SHA-1 (FIPS 180-4) of one-block messages, one in each lane: the first two words, their bytes swapped. Uses up the block.
    fn sha1_of_blocks(block: &mut Block, digest: &mut [[u32; LANES]; 2]) = sha1_of_blocks_body
}

#[inline(always)]
fn sha1_of_blocks_body(block: &mut Block, digest: &mut [[u32; LANES]; 2]) {
    const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut state = START.map(|word| [word; LANES]);
    for round in 0..20 {
        step(&mut state, block, round, 0x5a82_7999, |b, c, d| d ^ (b & (c ^ d)));
    }
    for round in 20..40 {
        step(&mut state, block, round, 0x6ed9_eba1, |b, c, d| b ^ c ^ d);
    }
    for round in 40..60 {
        step(&mut state, block, round, 0x8f1b_bcdc, |b, c, d| (b & c) | (d & (b | c)));
    }
    for round in 60..80 {
        step(&mut state, block, round, 0xca62_c1d6, |b, c, d| b ^ c ^ d);
    }
    for (digest, (state, start)) in digest.iter_mut().zip(state.iter().zip(START)) {
        for lane in 0..LANES {
            digest[lane] = state[lane].wrapping_add(start).swap_bytes();
        }
    }
}

#[inline(always)]
fn step(
    state: &mut [[u32; LANES]; 5],
    block: &mut Block,
    round: usize,
    constant: u32,
    choose: impl Fn(u32, u32, u32) -> u32,
) {
    let place = round % 16;
    if round >= 16 {
        let others = [(round + 13) % 16, (round + 8) % 16, (round + 2) % 16].map(|other| block[other]);
        for lane in 0..LANES {
            block[place][lane] =
                (block[place][lane] ^ others[0][lane] ^ others[1][lane] ^ others[2][lane]).rotate_left(1);
        }
    }
    let [a, b, c, d, e] = *state;
    let mut next = [0; LANES];
    let mut rotated = [0; LANES];
    for lane in 0..LANES {
        next[lane] = a[lane]
            .rotate_left(5)
            .wrapping_add(choose(b[lane], c[lane], d[lane]))
            .wrapping_add(e[lane])
            .wrapping_add(constant)
            .wrapping_add(block[place][lane]);
        rotated[lane] = b[lane].rotate_left(30);
    }
    *state = [next, a, rotated, c, d];
}

/// Permutations whose minima are held in registers together.
const PERMUTATIONS_AT_ONCE: usize = 32;

/// The minima over all hashes of every permutation, which come from `permute(hash, factor, term)`.
#[inline(always)]
fn minima<H: Copy, F: Copy + Default, T: Copy + Ord>(
    hashes: &[H],
    factors: &[F],
    terms: &[F],
    values: &mut [T],
    permute: impl Fn(H, F, F) -> T,
) {
    let chunks = factors.chunks(PERMUTATIONS_AT_ONCE).zip(terms.chunks(PERMUTATIONS_AT_ONCE));
    for (values, (factors, terms)) in values.chunks_mut(PERMUTATIONS_AT_ONCE).zip(chunks) {
        // Whole groups only, so that every loop has a fixed length.
        let (mut group, mut added) = ([F::default(); PERMUTATIONS_AT_ONCE], [F::default(); PERMUTATIONS_AT_ONCE]);
        let mut least = [values[0]; PERMUTATIONS_AT_ONCE];
        group[..factors.len()].copy_from_slice(factors);
        added[..terms.len()].copy_from_slice(terms);
        for &hash in hashes {
            for lane in 0..PERMUTATIONS_AT_ONCE {
                least[lane] = least[lane].min(permute(hash, group[lane], added[lane]));
            }
        }
        values.copy_from_slice(&least[..values.len()]);
    }
}

dispatch! {
    fn affine32(hashes: &[u32], factors: &[u32], terms: &[u32], values: &mut [u32]) = affine32_body
}

#[inline(always)]
fn affine32_body(hashes: &[u32], factors: &[u32], terms: &[u32], values: &mut [u32]) {
    minima(hashes, factors, terms, values, |hash, factor, term| hash.wrapping_mul(factor).wrapping_add(term));
}

/// `MurmurHash3`'s finaliser.
#[inline(always)]
fn murmur32(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

dispatch! {
    fn affine64(hashes: &[u64], factors: &[u64], terms: &[u64], values: &mut [u64]) = affine64_body
}

#[inline(always)]
fn affine64_body(hashes: &[u64], factors: &[u64], terms: &[u64], values: &mut [u64]) {
    minima(hashes, factors, terms, values, |hash, factor, term| hash.wrapping_mul(factor).wrapping_add(term));
}

/// `MurmurHash3`'s finaliser of the wider kind.
#[inline(always)]
fn murmur64(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

dispatch! {
    fn legacy(hashes: &[u32], factors: &[u64], terms: &[u64], values: &mut [u64]) = legacy_body
}

#[inline(always)]
fn legacy_body(hashes: &[u32], factors: &[u64], terms: &[u64], values: &mut [u64]) {
    minima(hashes, factors, terms, values, |hash, factor, term| {
        let product = u64::from(hash).wrapping_mul(factor).wrapping_add(term);
        // 2^61 is 1 modulo the prime.
        let folded = (product & MERSENNE_PRIME) + (product >> 61);
        let reduced = if folded >= MERSENNE_PRIME { folded - MERSENNE_PRIME } else { folded };
        reduced & u64::from(u32::MAX)
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Batch, Role};

    fn signer(scheme: Scheme, permutations: usize) -> Signer {
        let mask = if scheme == Scheme::Affine32 { u64::from(u32::MAX) } else { MERSENNE_PRIME };
        let draw = |salt: u64| {
            (0..permutations as u64).map(|number| (crate::near_dedup::shingle::mix(number ^ salt) | 1) & mask).collect()
        };
        Signer::new(scheme, draw(1 << 40), draw(2 << 40), ShingleSize { characters: 5, words: 3 }).unwrap()
    }

    fn batch(texts: &[String]) -> Batch {
        let mut batch = Batch::default();
        for text in texts {
            batch.text_values.extend_from_slice(text.as_bytes());
            batch.text_offsets.push(batch.text_values.len() as i32);
            batch.roles.push(Role::Text as i8);
            batch.turn_offsets.push(batch.roles.len() as i32);
        }
        batch
    }

    fn shingles(text: &str) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        if characters.iter().any(|&c| is_east_asian(c.into())) {
            if characters.len() >= 5 {
                return characters.windows(5).map(|shingle| shingle.iter().collect()).collect();
            }
        } else if words.len() >= 3 {
            return words.windows(3).map(|shingle| shingle.join(" ")).collect();
        }
        vec![text.to_owned()]
    }

    /// One value after the other, in 128 bits, with the SHA-1 of the crate.
    fn slowly(signer: &Signer, text: &str) -> Vec<u64> {
        let digests: Vec<_> = shingles(text).iter().map(|shingle| Sha1::digest(shingle.as_bytes())).collect();
        (0..signer.factors.len())
            .map(|number| {
                let (a, b) = (u128::from(signer.factors[number]), u128::from(signer.terms[number]));
                let value = |digest: &[u8]| {
                    let h64 = u64::from_le_bytes(digest[..8].try_into().unwrap());
                    let h32 = h64 as u32;
                    match signer.scheme {
                        Scheme::Affine32 => (u128::from(murmur32(h32)) * a + b) as u64 & 0xffff_ffff,
                        Scheme::Affine64 => (u128::from(murmur64(h64)) * a + b) as u64,
                        Scheme::Legacy => ((u128::from(h32) * a + b) as u64 % MERSENNE_PRIME) & 0xffff_ffff,
                    }
                };
                digests.iter().map(|digest| value(digest)).min().unwrap()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn signatures_are_those_of_one_value_after_the_other(
            texts in prop::collection::vec("[甲乙丙 ]{0,60}|\\PC{0,30}|([a-z]{1,40} ){0,9}", 0..8),
            permutations in 1usize..70,
            scheme in prop_oneof![Just(Scheme::Affine32), Just(Scheme::Affine64), Just(Scheme::Legacy)],
        ) {
            let signer = signer(scheme, permutations);
            let expected: Vec<u64> = texts.iter().chain(&texts).flat_map(|text| slowly(&signer, text)).collect();
            let values = signer.sign(&[batch(&texts).view(); 2], &Progress::default()).unwrap();
            let values = match values {
                Values::Narrow(values) => values.into_iter().map(u64::from).collect(),
                Values::Wide(values) => values,
            };
            prop_assert_eq!(values, expected);
        }

        #[test]
        fn lanes_hash_as_the_crate_does(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..40)) {
            let mut hashes = Hashes::default();
            for message in &messages {
                hashes.add(message);
            }
            hashes.flush();
            let mut found: Vec<u32> = hashes.first.clone();
            let mut expected: Vec<u32> =
                messages.iter().map(|message| u32::from_le_bytes(Sha1::digest(message)[..4].try_into().unwrap())).collect();
            // Long messages do not wait for the others.
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn settings_are_checked() {
        let size = ShingleSize { characters: 5, words: 3 };
        assert!(Signer::new(Scheme::Affine32, vec![], vec![], size).is_err());
        assert!(Signer::new(Scheme::Affine32, vec![1], vec![1, 2], size).is_err());
        assert!(Signer::new(Scheme::Affine32, vec![1 << 32], vec![1], size).is_err());
        assert!(Signer::new(Scheme::Legacy, vec![1], vec![1], ShingleSize { characters: 0, ..size }).is_err());
        assert!(Signer::new(Scheme::Legacy, vec![1], vec![1], ShingleSize { words: 65, ..size }).is_err());
    }
}
