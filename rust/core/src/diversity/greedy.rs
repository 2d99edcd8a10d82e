//! Greedy choice by descending thresholds (Badanidiyuru and Vondrák 2014, "Fast algorithms for maximizing submodular
//! functions"), with gains looked at again only when their turn comes (Minoux 1978).

use rayon::prelude::*;

use super::Choice;
use super::features::{Features, ROOT_OF_UNIT, Span};
#[cfg(target_arch = "x86_64")]
use crate::dispatch::{self, Level};
use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// Bits of a gain that are dropped to find its bucket: 7 of the mantissa remain.
const DROPPED: u32 = 45;
/// A row is taken if its gain is at most by this share below the largest: the choice has at least `1 - 1/e` less this
/// of the best value that so many rows can have.
pub const GREEDY_LOSS: f64 = 1.0 / 128.0;
/// Rows between one that is looked at and one that is fetched, whose place was fetched as many rows before.
const AHEAD: usize = 12;
/// Rows whose gains are looked at by one task.
const ROWS_PER_TASK: usize = 1 << 10;

/// What the chosen rows have of each word.
struct Amounts {
    /// In units: whole numbers, so that sums are exact.
    units: Vec<f64>,
    /// The same with its root, small, so that the words of most rows are in the cache.
    near: Vec<Amount>,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    units: f32,
    root: f32,
}

/// Words that are computed side by side.
const LANES: usize = 8;

impl Amounts {
    fn new(words: usize) -> Self {
        Self { units: vec![0.0; words], near: vec![Amount::default(); words] }
    }

    /// What a row would add: the sum of `√(a + u) - √a`, written so that nothing cancels.
    #[inline(always)]
    fn gain(&self, (words, units): (&[u32], &[u16])) -> f64 {
        let mut sums = [0.0_f32; LANES];
        let (wide_words, last_words) = words.as_chunks::<LANES>();
        let (wide_units, last_units) = units.as_chunks::<LANES>();
        for (words, units) in wide_words.iter().zip(wide_units) {
            let amounts = words.map(|word| self.near[word as usize]);
            for lane in 0..LANES {
                let (amount, added) = (amounts[lane], f32::from(units[lane]));
                sums[lane] += added / ((amount.units + added).sqrt() + amount.root);
            }
        }
        for (lane, (&word, &units)) in last_words.iter().zip(last_units).enumerate() {
            let (amount, added) = (self.near[word as usize], f32::from(units));
            sums[lane] += added / ((amount.units + added).sqrt() + amount.root);
        }
        sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() * ROOT_OF_UNIT
    }

    fn take(&mut self, (words, units): (&[u32], &[u16])) {
        for (&word, &units) in words.iter().zip(units) {
            let amount = &mut self.units[word as usize];
            *amount += f64::from(units);
            self.near[word as usize] = Amount { units: *amount as f32, root: amount.sqrt() as f32 };
        }
    }
}

/// Gains in one bucket differ by less than [`GREEDY_LOSS`]; larger ones have larger numbers. Exact on every machine.
fn bucket(gain: f64) -> u32 {
    (gain.max(0.0).to_bits() >> DROPPED) as u32
}

/// Asks for the row that is looked at some steps after the one at `at`. Rows lie anywhere in memory.
#[inline(always)]
fn ask(features: &Features, spans: &[Span], places: &[u32], at: usize) {
    if let Some(&later) = places.get(at + 2 * AHEAD) {
        prefetch(spans.as_ptr().wrapping_add(later as usize).cast());
    }
    if let Some(&later) = places.get(at + AHEAD) {
        features.prefetch(spans[later as usize]);
    }
}

/// The buckets of rows as things stand now, given by their places in `spans`.
fn buckets_of(amounts: &Amounts, features: &Features, spans: &[Span], places: &[u32]) -> Vec<u32> {
    #[cfg(target_arch = "x86_64")]
    if dispatch::level() >= Level::Avx2 {
        // SAFETY: the level says that the processor has these instructions.
        return unsafe { buckets_of_avx2(amounts, features, spans, places) };
    }
    buckets_of_body(amounts, features, spans, places)
}

/// Roots and quotients of eight numbers at once: of each number the same bits as without.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn buckets_of_avx2(amounts: &Amounts, features: &Features, spans: &[Span], places: &[u32]) -> Vec<u32> {
    buckets_of_body(amounts, features, spans, places)
}

#[inline(always)]
fn buckets_of_body(amounts: &Amounts, features: &Features, spans: &[Span], places: &[u32]) -> Vec<u32> {
    let mut found = Vec::with_capacity(places.len());
    for (at, &place) in places.iter().enumerate() {
        ask(features, spans, places, at);
        found.push(bucket(amounts.gain(features.slices(spans[place as usize]))));
    }
    found
}

/// Places of rows by the bucket of a gain that they had once.
#[derive(Default)]
struct Buckets {
    places: Vec<Vec<u32>>,
}

impl Buckets {
    #[inline]
    fn push(&mut self, bucket: u32, place: u32) {
        let bucket = bucket as usize;
        if bucket >= self.places.len() {
            self.places.resize_with(bucket + 1, Vec::new);
        }
        self.places[bucket].push(place);
    }

    /// Takes out the bucket with the highest number.
    fn pop_last(&mut self) -> Option<(u32, Vec<u32>)> {
        while let Some(places) = self.places.pop() {
            if !places.is_empty() {
                return Some((self.places.len() as u32, places));
            }
        }
        None
    }
}

pub(super) fn choose(
    features: &Features,
    order: &[u32],
    target: usize,
    progress: &Progress,
) -> Result<Choice, Cancelled> {
    let target = target.min(order.len());
    progress.expect(target as u64);
    let mut amounts = Amounts::new(features.word_numbers);
    let of_row = |row: u32| features.slices(features.span(row as usize));
    let mut values: Vec<f64> =
        (0..features.len() as u32).into_par_iter().map(|row| amounts.gain(of_row(row))).collect();
    let spans: Vec<Span> = order.par_iter().map(|&row| features.span(row as usize)).collect();
    progress.check()?;
    // In buckets rows stand by their place in the order, so that sorting puts them into it.
    let mut buckets = Buckets::default();
    for (place, &row) in order.iter().enumerate() {
        buckets.push(bucket(values[row as usize]), place as u32);
    }
    let mut chosen = Vec::with_capacity(target);
    let mut left = vec![true; features.len()];
    while let Some((number, mut places)) = buckets.pop_last() {
        places.sort_unstable();
        // Gains only sink: what is not in this bucket now will not come into it. Most rows are here by gains that are long
        // out of date; these go on to other buckets first, on all threads.
        let now: Vec<u32> = places
            .par_chunks(ROWS_PER_TASK)
            .flat_map_iter(|places| buckets_of(&amounts, features, &spans, places))
            .collect();
        let mut at = 0;
        places.retain(|&place| {
            let stays = now[at] == number;
            if !stays {
                buckets.push(now[at], place);
            }
            at += 1;
            stays
        });
        progress.check()?;
        for (at, &place) in places.iter().enumerate() {
            if chosen.len() == target {
                break;
            }
            ask(features, &spans, &places, at);
            let row = order[place as usize];
            let own = features.slices(spans[place as usize]);
            let now_gain = amounts.gain(own);
            values[row as usize] = now_gain;
            let now = bucket(now_gain);
            if now < number {
                buckets.push(now, place);
                continue;
            }
            amounts.take(own);
            left[row as usize] = false;
            chosen.push(row);
            progress.advance(1);
        }
        if chosen.len() == target {
            break;
        }
    }
    let last: Vec<(u32, f64)> =
        order.par_iter().filter(|&&row| left[row as usize]).map(|&row| (row, amounts.gain(of_row(row)))).collect();
    for (row, gain) in last {
        values[row as usize] = gain;
    }
    let amounts = amounts.units.iter().map(|&units| units as u64).collect();
    Ok(Choice { chosen, values, often: Vec::new(), amounts })
}
