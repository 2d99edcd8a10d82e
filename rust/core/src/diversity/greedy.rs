//! Greedy choice by descending thresholds (Badanidiyuru and Vondrák 2014, "Fast algorithms for maximizing submodular
//! functions"), with gains looked at again only when their turn comes (Minoux 1978).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Choice;
use super::features::{Features, ROOT_OF_UNIT};
use crate::progress::{Cancelled, Progress};

/// Bits of a gain that are dropped to find its bucket: 7 of the mantissa remain.
const DROPPED: u32 = 45;
/// A row is taken if its gain is at most by this share below the largest: the choice has at least `1 - 1/e` less this
/// of the best value that so many rows can have.
pub const GREEDY_LOSS: f64 = 1.0 / 128.0;
/// Rows between one that is looked at and one that is fetched.
const AHEAD: usize = 8;
/// Rows whose gains are looked at by one task.
const ROWS_PER_TASK: usize = 1 << 10;

/// What the chosen rows have of a word, in units, and the root of it: whole numbers, so that sums are exact.
#[derive(Clone, Copy, Default)]
struct Amount {
    units: f64,
    root: f64,
}

fn gain(amounts: &[Amount], features: &Features, row: u32) -> f64 {
    let added = |(word, units): (u32, u16)| {
        let amount = amounts[word as usize];
        (amount.units + f64::from(units)).sqrt() - amount.root
    };
    // Four sums in a fixed order: one alone would wait for itself.
    let mut sums = [0.0; 4];
    features.of(row as usize).enumerate().for_each(|(at, feature)| sums[at % 4] += added(feature));
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) * ROOT_OF_UNIT
}

fn take(amounts: &mut [Amount], features: &Features, row: u32) {
    for (word, units) in features.of(row as usize) {
        let amount = &mut amounts[word as usize];
        amount.units += f64::from(units);
        amount.root = amount.units.sqrt();
    }
}

/// Gains in one bucket differ by less than [`GREEDY_LOSS`]; larger ones have larger numbers. Exact on every machine.
fn bucket(gain: f64) -> u32 {
    (gain.max(0.0).to_bits() >> DROPPED) as u32
}

/// The buckets of rows as things stand now. Rows lie anywhere in memory, so that they are asked for ahead.
fn buckets_of(amounts: &[Amount], features: &Features, order: &[u32], places: &[u32]) -> Vec<u32> {
    let row = |at: usize| places.get(at).map(|&place| order[place as usize]);
    let mut found = Vec::with_capacity(places.len());
    for at in 0..places.len() {
        if let Some(later) = row(at + AHEAD) {
            features.prefetch(later as usize);
        }
        found.extend(row(at).map(|row| bucket(gain(amounts, features, row))));
    }
    found
}

pub(super) fn choose(
    features: &Features,
    order: &[u32],
    target: usize,
    progress: &Progress,
) -> Result<Choice, Cancelled> {
    let target = target.min(order.len());
    progress.expect(target as u64);
    let mut amounts = vec![Amount::default(); features.word_numbers];
    let mut values: Vec<f64> =
        (0..features.len() as u32).into_par_iter().map(|row| gain(&amounts, features, row)).collect();
    progress.check()?;
    // In buckets rows stand by their place in the order, so that sorting puts them into it.
    let mut buckets: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, &row) in order.iter().enumerate() {
        buckets.entry(bucket(values[row as usize])).or_default().push(place as u32);
    }
    let mut chosen = Vec::with_capacity(target);
    let mut left = vec![true; features.len()];
    while let Some((number, mut places)) = buckets.pop_last() {
        // Gains only sink: what is not in this bucket now will not come into it. Most rows are here by gains that are long
        // out of date; these go on to other buckets first, on all threads.
        let now: Vec<u32> = places
            .par_chunks(ROWS_PER_TASK)
            .flat_map_iter(|places| buckets_of(&amounts, features, order, places))
            .collect();
        let mut at = 0;
        places.retain(|&place| {
            let stays = now[at] == number;
            if !stays {
                buckets.entry(now[at]).or_default().push(place);
            }
            at += 1;
            stays
        });
        places.sort_unstable();
        progress.check()?;
        for place in places {
            if chosen.len() == target {
                break;
            }
            let row = order[place as usize];
            let now_gain = gain(&amounts, features, row);
            values[row as usize] = now_gain;
            let now = bucket(now_gain);
            if now < number {
                buckets.entry(now).or_default().push(place);
                continue;
            }
            take(&mut amounts, features, row);
            left[row as usize] = false;
            chosen.push(row);
            progress.advance(1);
        }
        if chosen.len() == target {
            break;
        }
    }
    let last: Vec<(u32, f64)> =
        order.par_iter().filter(|&&row| left[row as usize]).map(|&row| (row, gain(&amounts, features, row))).collect();
    for (row, gain) in last {
        values[row as usize] = gain;
    }
    let amounts = amounts.iter().map(|amount| amount.units as u64).collect();
    Ok(Choice { chosen, values, often: Vec::new(), amounts })
}
