//! What the words of some rows say about how diverse these are.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::rows::{RowWords, TURN_END};
use crate::memory::zeroed;
use crate::near_dedup::shingle::mix;
use crate::progress::{Cancelled, Progress};

/// Words whose share of all is measured.
const TOP_WORDS: usize = 100;
/// Kinds of task whose share of all is measured.
const TOP_KINDS: usize = 10;
/// Ranks from the first on over which the slope is fitted.
const RANKS: usize = 5000;
/// Up to so many pairs they are counted one by one; beyond, by the bits that their hashes set.
const PAIRS_SORTED: u64 = 1 << 22;
/// Bits for the hashes of pairs: the count of 100 million different ones is then right to about 0.01 %.
const PAIR_BITS: u64 = 1 << 28;
/// Rows that one task counts.
const ROWS_PER_TASK: usize = 1 << 12;

/// Measures of the content words of some rows. What cannot be computed, for want of words, is None.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Rows that were counted.
    pub rows: u64,
    /// Characters of their turns.
    pub characters: u64,
    /// Content words.
    pub words: u64,
    /// Different ones.
    pub distinct_words: u64,
    /// Entropy of the distribution of words, in bits.
    pub entropy: Option<f64>,
    /// Share of the 100 most frequent words in all, 0 to 1.
    pub top_100_share: Option<f64>,
    /// Pairs of content words that follow each other in a turn, other words between them left out.
    pub pairs: u64,
    /// Different pairs over all (Li et al. 2016, arXiv 1510.03055).
    pub distinct_2: Option<f64>,
    /// Slope of the line of least squares through the logarithms of rank and count, ranks 1 to 5,000 or the last: near
    /// -1 where words follow Zipf's law, nearer 0 where they are more alike.
    pub zipf_slope: Option<f64>,
    /// Different kinds of task: a row's kind is the first content word of its prompts.
    pub kinds: u64,
    /// Entropy of the distribution of kinds, in bits.
    pub kinds_entropy: Option<f64>,
    /// Share of the 10 most frequent kinds in the rows that have one, 0 to 1.
    pub top_10_kinds_share: Option<f64>,
}

impl RowWords {
    /// Measures some rows, by their places. The result depends neither on their order nor on the number of threads.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn measure(&self, places: &[u32], progress: &Progress) -> Result<Measures, Cancelled> {
        let words = self.counts().len();
        let mut counted = places
            .par_chunks(places.len().div_ceil(rayon::current_num_threads()).max(ROWS_PER_TASK))
            .map(|places| self.count(places, progress))
            .reduce(|| Ok(Counted::new(words)), |left, right| Ok(left?.plus(&right?)))?;
        progress.check()?;
        let pairs = counted.pairs;
        let distinct_pairs = self.distinct_pairs(places, pairs, progress)?;
        let kinds = distribution(&mut counted.kinds);
        let distribution = distribution(&mut counted.words);
        Ok(Measures {
            rows: places.len() as u64,
            characters: counted.characters,
            words: distribution.total,
            distinct_words: distribution.counts.len() as u64,
            entropy: distribution.entropy(),
            top_100_share: distribution.share(TOP_WORDS),
            pairs,
            distinct_2: (pairs > 0).then(|| distinct_pairs / pairs as f64),
            zipf_slope: distribution.slope(),
            kinds: kinds.counts.len() as u64,
            kinds_entropy: kinds.entropy(),
            top_10_kinds_share: kinds.share(TOP_KINDS),
        })
    }

    fn count(&self, places: &[u32], progress: &Progress) -> Result<Counted, Cancelled> {
        let mut counted = Counted::new(self.counts().len());
        for places in places.chunks(ROWS_PER_TASK) {
            progress.check()?;
            for &at in places {
                let (prompts, answers) = self.of(at as usize);
                if let Some(&kind) = prompts.first() {
                    counted.kinds[kind as usize] += 1;
                }
                counted.characters += u64::from(self.characters()[at as usize]);
                for part in [prompts, answers] {
                    part.iter().filter(|&&word| word != TURN_END).for_each(|&word| counted.words[word as usize] += 1);
                    counted.pairs += pairs(part).count() as u64;
                }
            }
        }
        Ok(counted)
    }

    fn distinct_pairs(&self, places: &[u32], count: u64, progress: &Progress) -> Result<f64, Cancelled> {
        let all = |places: &[u32], add: &mut dyn FnMut(u64)| {
            for &at in places {
                let (prompts, answers) = self.of(at as usize);
                pairs(prompts).chain(pairs(answers)).for_each(&mut *add);
            }
        };
        if count <= PAIRS_SORTED {
            let mut found = Vec::with_capacity(count as usize);
            all(places, &mut |pair| found.push(pair));
            found.par_sort_unstable();
            found.dedup();
            return Ok(found.len() as f64);
        }
        // Linear counting (Whang et al. 1990): the bits that stay zero tell how many different ones there were.
        let bits: Vec<AtomicU64> = zeroed::<u64>((PAIR_BITS / 64) as usize).into_iter().map(AtomicU64::new).collect();
        places.par_chunks(ROWS_PER_TASK).try_for_each(|places| {
            progress.check()?;
            all(places, &mut |pair| {
                let bit = mix(pair) % PAIR_BITS;
                bits[(bit / 64) as usize].fetch_or(1 << (bit % 64), Relaxed);
            });
            Ok(())
        })?;
        let set: u64 = bits.par_iter().map(|word| u64::from(word.load(Relaxed).count_ones())).sum();
        let (all, zeros) = (PAIR_BITS as f64, (PAIR_BITS - set).max(1) as f64);
        Ok((all * (all / zeros).ln()).round().min(count as f64))
    }
}

/// The pairs of neighbours within turns.
fn pairs(words: &[u32]) -> impl Iterator<Item = u64> {
    words
        .windows(2)
        .filter(|pair| pair[0] != TURN_END && pair[1] != TURN_END)
        .map(|pair| u64::from(pair[0]) << 32 | u64::from(pair[1]))
}

struct Counted {
    words: Vec<u64>,
    kinds: Vec<u64>,
    characters: u64,
    pairs: u64,
}

impl Counted {
    fn new(words: usize) -> Self {
        Self { words: vec![0; words], kinds: vec![0; words], characters: 0, pairs: 0 }
    }

    fn plus(mut self, other: &Self) -> Self {
        let add = |own: &mut [u64], other: &[u64]| own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        add(&mut self.words, &other.words);
        add(&mut self.kinds, &other.kinds);
        self.characters += other.characters;
        self.pairs += other.pairs;
        self
    }
}

/// Counts, the largest first, and their sum.
struct Distribution {
    counts: Vec<u64>,
    total: u64,
}

fn distribution(counts: &mut [u64]) -> Distribution {
    counts.sort_unstable_by(|left, right| right.cmp(left));
    let some = counts.partition_point(|&count| count > 0);
    Distribution { counts: counts[..some].to_vec(), total: counts[..some].iter().sum() }
}

impl Distribution {
    fn entropy(&self) -> Option<f64> {
        let total = self.total as f64;
        let weighted: f64 = self.counts.iter().map(|&count| count as f64 * (count as f64).log2()).sum();
        (self.total > 0).then(|| (total.log2() - weighted / total).max(0.0))
    }

    fn share(&self, most: usize) -> Option<f64> {
        let top: u64 = self.counts.iter().take(most).sum();
        (self.total > 0).then(|| top as f64 / self.total as f64)
    }

    fn slope(&self) -> Option<f64> {
        let points = || {
            let counts = self.counts.iter().take(RANKS).enumerate();
            counts.map(|(rank, &count)| (((rank + 1) as f64).ln(), (count as f64).ln()))
        };
        let number = points().count() as f64;
        if number < 2.0 {
            return None;
        }
        let (x, y) = points().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / number, sum.1 + y / number));
        let (products, squares) =
            points().fold((0.0, 0.0), |sum, (a, b)| (sum.0 + (a - x) * (b - y), sum.1 + (a - x) * (a - x)));
        Some(products / squares)
    }
}
