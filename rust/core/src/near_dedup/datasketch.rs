//! The signatures of the Python package `datasketch`, bit for bit.
//!
//! Every shingle's UTF-8 goes through SHA-1; its first bytes, little-endian, are a number that each permutation
//! `a * h + b` moves, and the minimum over all shingles is a value of the signature. The schemes differ in width:
//! [`Scheme`]. The factors come from the caller, as `datasketch` draws them from numpy's generator.

mod hashes;

use rayon::prelude::*;

use self::hashes::Hashes;
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

dispatch! {
    fn affine64(hashes: &[u64], factors: &[u64], terms: &[u64], values: &mut [u64]) = affine64_body
}

#[inline(always)]
fn affine64_body(hashes: &[u64], factors: &[u64], terms: &[u64], values: &mut [u64]) {
    minima(hashes, factors, terms, values, |hash, factor, term| hash.wrapping_mul(factor).wrapping_add(term));
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
mod tests;
