//! Greedy choice by descending thresholds (Badanidiyuru and Vondrák 2014, "Fast algorithms for maximizing submodular
//! functions"), with gains looked at again only when their turn comes (Minoux 1978).

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Choice;
use super::features::{Features, root};
use crate::progress::{Cancelled, Progress};

/// Bits of a gain that are dropped to find its bucket: 8 of the mantissa remain.
const DROPPED: u32 = 44;
/// A row is taken if its gain is at most by this share below the largest: the choice has at least `1 - 1/e` less this
/// of the best value that so many rows can have.
pub const GREEDY_LOSS: f64 = 1.0 / 256.0;
/// Rows between two looks at whether to go on.
const ROWS_BETWEEN_CHECKS: usize = 1 << 14;

/// What the chosen rows have of each word, and the root of it.
struct State {
    amounts: Vec<u64>,
    roots: Vec<f64>,
}

impl State {
    fn gain(&self, features: &Features, row: u32) -> f64 {
        features
            .of(row as usize)
            .map(|(word, units)| {
                let word = word as usize;
                root(self.amounts[word] + u64::from(units)) - self.roots[word]
            })
            .sum()
    }

    fn take(&mut self, features: &Features, row: u32) {
        for (word, units) in features.of(row as usize) {
            let amount = &mut self.amounts[word as usize];
            *amount += u64::from(units);
            self.roots[word as usize] = root(*amount);
        }
    }
}

/// Gains in one bucket differ by less than [`GREEDY_LOSS`]; larger ones have larger numbers. Exact on every machine.
fn bucket(gain: f64) -> u32 {
    (gain.max(0.0).to_bits() >> DROPPED) as u32
}

pub(super) fn choose(
    features: &Features,
    order: &[u32],
    target: usize,
    progress: &Progress,
) -> Result<Choice, Cancelled> {
    let target = target.min(order.len());
    progress.expect(target as u64);
    let words = features.word_numbers;
    let mut state = State { amounts: vec![0; words], roots: vec![0.0; words] };
    let mut values: Vec<f64> =
        (0..features.len() as u32).into_par_iter().map(|row| state.gain(features, row)).collect();
    progress.check()?;
    // In buckets rows stand by their place in the order, so that sorting puts them into it.
    let mut buckets: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, &row) in order.iter().enumerate() {
        buckets.entry(bucket(values[row as usize])).or_default().push(place as u32);
    }
    let mut chosen = Vec::with_capacity(target);
    let mut left = vec![true; features.len()];
    let mut looked = 0_usize;
    while let Some((number, mut places)) = buckets.pop_last() {
        // Gains only sink: what is not in this bucket now will not come into it.
        places.sort_unstable();
        for place in places {
            if chosen.len() == target {
                break;
            }
            looked += 1;
            if looked.is_multiple_of(ROWS_BETWEEN_CHECKS) {
                progress.check()?;
            }
            let row = order[place as usize];
            let gain = state.gain(features, row);
            values[row as usize] = gain;
            let now = bucket(gain);
            if now < number {
                buckets.entry(now).or_default().push(place);
                continue;
            }
            state.take(features, row);
            left[row as usize] = false;
            chosen.push(row);
            progress.advance(1);
        }
        if chosen.len() == target {
            break;
        }
    }
    let last: Vec<(u32, f64)> =
        order.par_iter().filter(|&&row| left[row as usize]).map(|&row| (row, state.gain(features, row))).collect();
    for (row, gain) in last {
        values[row as usize] = gain;
    }
    Ok(Choice { chosen, values, often: Vec::new(), amounts: state.amounts })
}
