//! The plain way: rows whose words were all seen often enough go.

use super::Choice;
use super::features::Features;
use crate::progress::{Cancelled, Progress};

/// Rows between two looks at whether to go on.
const ROWS_BETWEEN_CHECKS: usize = 1 << 14;

pub(super) fn choose(
    features: &Features,
    order: &[u32],
    cap: u64,
    target: usize,
    progress: &Progress,
) -> Result<Choice, Cancelled> {
    progress.expect(order.len() as u64);
    let mut seen = vec![0_u64; features.word_numbers];
    let mut choice = Choice { values: vec![f64::NAN; features.len()], ..Choice::default() };
    for rows in order.chunks(ROWS_BETWEEN_CHECKS) {
        progress.check()?;
        for &row in rows {
            if choice.chosen.len() >= target {
                break;
            }
            let (words, often) = features.of(row as usize).fold((0_u32, 0_u32), |(words, often), (word, _)| {
                (words + 1, often + u32::from(seen[word as usize] >= cap))
            });
            choice.values[row as usize] = if words == 0 { 0.0 } else { f64::from(often) / f64::from(words) };
            if often * 2 > words {
                choice.often.push(row);
            } else {
                features.of(row as usize).for_each(|(word, _)| seen[word as usize] += 1);
                choice.chosen.push(row);
            }
        }
        progress.advance(rows.len() as u64);
    }
    choice.often.sort_unstable();
    choice.amounts = seen;
    Ok(choice)
}
