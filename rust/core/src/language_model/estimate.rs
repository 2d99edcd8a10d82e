//! Probabilities and back-off weights of n-grams out of their adjusted counts.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;

use super::counts::{Counts, cut};
use super::discounts::Discount;
use super::vocabulary::Vocabulary;
use super::{BEGIN, LanguageModelError};
use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// The n-grams of one order with what a model says about them; see `counts` for how they lie.
#[derive(Clone, Debug, Default)]
pub struct EstimatedLevel {
    /// First token of each n-gram.
    pub tokens: Vec<u32>,
    /// The first of the n-grams one order above that end with each; none for the last order.
    pub first_child: Vec<u32>,
    /// Natural logarithm of the probability of the last token after the others.
    pub log_probability: Vec<f32>,
    /// Natural logarithm of the back-off weight of each as a context; none for the last order.
    pub backoff: Vec<f32>,
    /// The n-gram one order below that each begins with; none for unigrams, and once `worth` is known.
    pub prefix: Vec<u32>,
    /// What each adds to the log-probability of a text, see [`Estimated::settle`]; none for unigrams.
    pub worth: Vec<f32>,
}

/// A model before it is laid out.
#[derive(Clone, Debug)]
pub struct Estimated {
    /// Its tokens.
    pub vocabulary: Vocabulary,
    /// From unigrams on.
    pub levels: Vec<EstimatedLevel>,
    /// The discounts of each order, and whether the counts told them; none for a model that was read.
    pub discounts: Vec<(Discount, bool)>,
}

/// Parents whose children one task looks at.
const PARENTS_PER_TASK: usize = 1 << 14;
/// How far ahead what a parent's children need is fetched.
const LOOK_AHEAD: usize = 8;

impl Estimated {
    /// Bytes that [`Self::of`] needs at most for so many n-grams of each order.
    #[must_use]
    pub fn memory(nodes: &[u64]) -> u64 {
        let order = nodes.len();
        let own: u64 = nodes.iter().enumerate().map(|(at, nodes)| nodes * if at + 1 < order { 20 } else { 12 }).sum();
        own + nodes[..order - 1].iter().map(|nodes| 16 * nodes).max().unwrap_or(0)
    }

    /// Estimates a model.
    ///
    /// # Errors
    /// [`LanguageModelError::NoText`], if nothing was counted, and [`LanguageModelError::Cancelled`].
    pub fn of(counts: Counts, vocabulary: Vocabulary, progress: &Progress) -> Result<Self, LanguageModelError> {
        let discounts: Vec<(Discount, bool)> = counts.counts_of_counts().into_iter().map(Discount::of).collect();
        let mut probabilities = Vec::with_capacity(counts.levels.len());
        let mut levels = Vec::with_capacity(counts.levels.len());
        for level in counts.levels {
            probabilities.push(level.counts);
            levels.push(EstimatedLevel {
                tokens: level.tokens,
                first_child: level.first_child,
                ..EstimatedLevel::default()
            });
        }
        progress.expect(levels.iter().map(|level| level.tokens.len() as u64).sum());
        unigrams(&mut probabilities[0], discounts[0].0)?;
        for order in 1..levels.len() {
            let (below, above) = levels.split_at_mut(order);
            let (contexts, level) = (&mut below[order - 1], &mut above[0]);
            let counts = &probabilities[order];
            let totals = totals(contexts.tokens.len());
            level.prefix = match order {
                1 => level.tokens.clone(),
                _ => vec![0; level.tokens.len()],
            };
            let tasks = Tasks::of(&contexts.first_child);
            let lower = (order > 1).then(|| &below[order - 2].first_child);
            let contexts = &below[order - 1];
            tasks.cut(&mut level.prefix).into_par_iter().zip(&tasks.parents).try_for_each(|(prefix, parents)| {
                progress.check()?;
                if let Some(lower) = lower {
                    find_prefixes(
                        parents.clone(),
                        &contexts.first_child,
                        &level.tokens,
                        &contexts.prefix,
                        lower,
                        &contexts.tokens,
                        prefix,
                    );
                }
                let first = contexts.first_child[parents.start] as usize;
                for (&context, &count) in prefix.iter().zip(&counts[first..]) {
                    let total = &totals[context as usize];
                    total.sum.fetch_add(count, Relaxed);
                    if let Some(seen) = total.seen.get(count.clamp(1, 3) as usize - 1) {
                        seen.fetch_add(1, Relaxed);
                    }
                }
                Ok::<_, Cancelled>(())
            })?;
            let discount = discounts[order].0;
            let backoff = totals.par_iter().map(|total| total.left_over(discount).ln() as f32).collect();
            below[order - 1].backoff = backoff;
            let contexts = &below[order - 1];
            let (lower, upper) = probabilities.split_at_mut(order);
            let lower = &lower[order - 1];
            tasks.cut(&mut upper[0]).into_par_iter().zip(&tasks.parents).try_for_each(|(values, parents)| {
                progress.check()?;
                let first = contexts.first_child[parents.start] as usize;
                let prefix = &level.prefix[first..first + values.len()];
                for parent in parents.clone() {
                    let suffix = f64::from(f32::from_bits(lower[parent]));
                    let children = contexts.first_child[parent] as usize..contexts.first_child[parent + 1] as usize;
                    for at in children.start - first..children.end - first {
                        if let Some(&next) = prefix.get(at + LOOK_AHEAD) {
                            prefetch(std::ptr::from_ref(&totals[next as usize]).cast());
                        }
                        let total = &totals[prefix[at] as usize];
                        let count = values[at];
                        let own = (f64::from(count) - discount.from(count)) / f64::from(total.sum.load(Relaxed));
                        values[at] = ((own + total.left_over(discount) * suffix) as f32).to_bits();
                    }
                }
                progress.advance(values.len() as u64);
                Ok::<_, Cancelled>(())
            })?;
        }
        for (level, values) in levels.iter_mut().zip(probabilities) {
            progress.check()?;
            level.log_probability = values.into_iter().map(f32::from_bits).collect();
            level.log_probability.par_iter_mut().for_each(|value| *value = f64::from(*value).ln() as f32);
        }
        if let Some(begin) = levels[0].log_probability.get_mut(BEGIN as usize) {
            *begin = 0.0;
        }
        Ok(Self { vocabulary, levels, discounts })
    }

    /// The longest n-grams.
    #[must_use]
    pub fn order(&self) -> usize {
        self.levels.len()
    }

    /// Replaces `prefix` by `worth` in all orders above the first.
    ///
    /// What an n-gram adds to the log-probability of a text in which it stands: the log-probability of its last token
    /// beyond what the n-gram without its first one gave, less the back-off weight that was counted for its context and
    /// is not needed, and its own, which is needed if nothing longer follows. The sum over all n-grams of a text, of all
    /// orders, is the log-probability of the text: every back-off weight that does not apply cancels out.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn settle(&mut self, progress: &Progress) -> Result<(), Cancelled> {
        for order in 1..self.levels.len() {
            let (below, above) = self.levels.split_at_mut(order);
            let (contexts, level) = (&below[order - 1], &mut above[0]);
            if level.prefix.is_empty() {
                continue;
            }
            let mut values = std::mem::take(&mut level.prefix);
            let tasks = Tasks::of(&contexts.first_child);
            tasks.cut(&mut values).into_par_iter().zip(&tasks.parents).try_for_each(|(values, parents)| {
                progress.check()?;
                let first = contexts.first_child[parents.start] as usize;
                for parent in parents.clone() {
                    let suffix = f64::from(contexts.log_probability[parent]);
                    for at in contexts.first_child[parent] as usize..contexts.first_child[parent + 1] as usize {
                        if let Some(&ahead) = values.get(at - first + LOOK_AHEAD) {
                            prefetch(contexts.backoff.as_ptr().wrapping_add(ahead as usize).cast());
                        }
                        let context = f64::from(contexts.backoff[values[at - first] as usize]);
                        let own = f64::from(level.backoff.get(at).copied().unwrap_or(0.0));
                        let worth = f64::from(level.log_probability[at]) - suffix - context + own;
                        values[at - first] = (worth as f32).to_bits();
                    }
                }
                Ok::<_, Cancelled>(())
            })?;
            level.worth = values.into_iter().map(f32::from_bits).collect();
        }
        Ok(())
    }
}

/// What follows a context: the sum of the adjusted counts, and how many of them are 1, 2, and 3 or more.
#[derive(Default)]
struct Total {
    sum: AtomicU32,
    seen: [AtomicU32; 3],
}

impl Total {
    /// The probability that is left for what never followed the context; 1 if nothing ever did.
    fn left_over(&self, discount: Discount) -> f64 {
        let sum = self.sum.load(Relaxed);
        if sum == 0 {
            return 1.0;
        }
        let taken: f64 = discount.0.iter().zip(&self.seen).map(|(one, seen)| one * f64::from(seen.load(Relaxed))).sum();
        taken / f64::from(sum)
    }
}

fn totals(contexts: usize) -> Vec<Total> {
    (0..contexts).map(|_| Total::default()).collect()
}

/// Replaces the counts of unigrams by the bits of their probabilities, interpolated with the uniform distribution over
/// all tokens but `<s>`.
fn unigrams(counts: &mut [u32], discount: Discount) -> Result<(), LanguageModelError> {
    let sum: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    if sum == 0 {
        return Err(LanguageModelError::NoText);
    }
    let taken: f64 = counts.iter().map(|&count| discount.from(count)).sum();
    let uniform = taken / sum as f64 / (counts.len() - 1) as f64;
    for count in counts {
        let own = (f64::from(*count) - discount.from(*count)) / sum as f64;
        *count = ((own + uniform) as f32).to_bits();
    }
    Ok(())
}

/// Parents in ranges, and how many children those of each range have.
pub struct Tasks {
    /// The ranges.
    pub parents: Vec<Range<usize>>,
    sizes: Vec<u32>,
}

impl Tasks {
    /// Of the parents that have these first children.
    pub fn of(first_child: &[u32]) -> Self {
        let parents = first_child.len() - 1;
        let starts = (0..parents).step_by(PARENTS_PER_TASK);
        let ranges: Vec<Range<usize>> = starts.map(|start| start..parents.min(start + PARENTS_PER_TASK)).collect();
        let sizes = ranges.iter().map(|range| first_child[range.end] - first_child[range.start]).collect();
        Self { parents: ranges, sizes }
    }

    /// The children's values, a part for each range.
    pub fn cut<'a, I>(&self, children: &'a mut [I]) -> Vec<&'a mut [I]> {
        cut(children, &self.sizes)
    }
}

/// Finds for each n-gram that ends with the n-grams `parents` the one that it begins with.
///
/// "w x y z" ends with "x y z", which begins with "x y"; what it begins with itself, "w x y", is the one among the
/// n-grams ending with "x y" that has the first token w. Both lists are sorted by it.
pub fn find_prefixes(
    parents: Range<usize>,
    first_child: &[u32],
    tokens: &[u32],
    parent_prefix: &[u32],
    lower_first_child: &[u32],
    lower_tokens: &[u32],
    prefix: &mut [u32],
) {
    let first = first_child[parents.start] as usize;
    for parent in parents {
        if let Some(&ahead) = parent_prefix.get(parent + 2 * LOOK_AHEAD) {
            prefetch(std::ptr::from_ref(&lower_first_child[ahead as usize]).cast());
        }
        if let Some(&ahead) = parent_prefix.get(parent + LOOK_AHEAD) {
            prefetch(lower_tokens.as_ptr().wrapping_add(lower_first_child[ahead as usize] as usize).cast());
        }
        let among = parent_prefix[parent] as usize;
        let (mut at, end) = (lower_first_child[among] as usize, lower_first_child[among + 1] as usize);
        for child in first_child[parent] as usize..first_child[parent + 1] as usize {
            let token = tokens[child];
            at += lower_tokens[at..end].partition_point(|&other| other < token);
            prefix[child - first] = at as u32;
        }
    }
}
