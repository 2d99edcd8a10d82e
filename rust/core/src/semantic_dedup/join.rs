//! Finds the pairs between sets of rows: bytes first, then the product that decides.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::buckets::Buckets;
use super::bytes::{Bytes, Look, Panels, sweep};
use super::clusters::Clusters;
use super::decisions::Pair;
use super::product::Fused;
use super::tile::Kernel;
use super::vectors::Vectors;
use crate::memory::prefetch;
use crate::progress::{Cancelled, Progress};

/// Rows on the right of one task: with 512 bytes each they leave half of a second-level cache free.
const RIGHT_ROWS: usize = 768;
/// Rows on the left of one task: enough to pay for laying out the right side, few enough to stop soon.
const LEFT_ROWS: usize = 1 << 14;
/// Pairs held at once, unless one row alone has more.
pub const MOST_PAIRS: u64 = 1 << 23;
/// Rows of which all pairs may be held.
pub const FEW_ROWS: usize = 4096;

/// All that a search reads.
#[derive(Debug)]
pub struct Space<'a> {
    /// What decides.
    pub vectors: Vectors<'a>,
    /// What is compared before.
    pub bytes: Bytes,
    /// What is compared first, if there is anything before the bytes.
    pub bound: Option<Bytes>,
    /// Where rows meet; everywhere, without it.
    pub clusters: Option<Clusters>,
    /// How bytes are compared.
    pub kernel: Kernel,
    /// How vectors are compared.
    pub fused: Fused,
    /// The least cosine of a pair.
    pub floor: f32,
}

impl Space<'_> {
    /// The rows of which all pairs are compared.
    pub fn first(&self) -> &Bytes {
        self.bound.as_ref().unwrap_or(&self.bytes)
    }

    /// The least value of a row's products of which the cosine may reach `floor`.
    ///
    /// Cosines are brought into -1 to 1: where -1 is enough, a product below it is too.
    pub fn limit(&self, floor: f32, row: u32) -> f32 {
        if floor <= -1.0 { f32::NEG_INFINITY } else { floor - self.first().allowance(row) }
    }
}

/// What a search saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Products of bytes.
    pub products: AtomicU64,
    /// Pairs whose bytes came near enough.
    pub candidates: AtomicU64,
    /// Pairs at or above the least cosine.
    pub pairs: AtomicU64,
}

/// Why a join gave no pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are more than [`MOST_PAIRS`].
    TooMany,
    /// The computation was asked to stop.
    Cancelled,
}

impl From<Cancelled> for Refused {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Which of two rows must be the later one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Left,
    Right,
    Any,
}

/// Rows on the right that meet rows on the left in one cluster.
struct Task<'a> {
    right: &'a [u32],
    left: &'a [u32],
    /// Whether the rows on the left are only guests of the cluster: then the pair may meet in another cluster too.
    guests: bool,
    order: Order,
}

/// All pairs of a row of `later` with one of `earlier` that comes before it. Both sorted, no zero rows.
pub fn join(
    space: &Space<'_>,
    later: &[u32],
    earlier: &[u32],
    seen: &Seen,
    progress: &Progress,
) -> Result<Vec<Pair>, Refused> {
    let later = Buckets::new(later, space.clusters.as_ref());
    let earlier = Buckets::new(earlier, space.clusters.as_ref());
    let mut tasks = Vec::new();
    for cluster in 0..later.clusters() {
        let (home, guests) = (later.home(cluster), later.guests(cluster));
        let (other_home, other_guests) = (earlier.home(cluster), earlier.guests(cluster));
        add_tasks(&mut tasks, other_home, home, false, Order::Left);
        add_tasks(&mut tasks, other_home, guests, true, Order::Left);
        add_tasks(&mut tasks, home, other_guests, true, Order::Right);
    }
    let few = later.rows() <= 1;
    run(space, &tasks, few, seen, progress)
}

/// All pairs among `rows`; sorted, no zero rows.
pub fn join_itself(space: &Space<'_>, rows: &[u32], seen: &Seen, progress: &Progress) -> Result<Vec<Pair>, Refused> {
    let buckets = Buckets::new(rows, space.clusters.as_ref());
    let mut tasks = Vec::new();
    for cluster in 0..buckets.clusters() {
        let (home, guests) = (buckets.home(cluster), buckets.guests(cluster));
        for (part, right) in home.chunks(RIGHT_ROWS).enumerate() {
            add_tasks(&mut tasks, right, &home[part * RIGHT_ROWS..], false, Order::Left);
        }
        add_tasks(&mut tasks, home, guests, true, Order::Any);
    }
    run(space, &tasks, rows.len() <= FEW_ROWS, seen, progress)
}

fn add_tasks<'a>(tasks: &mut Vec<Task<'a>>, right: &'a [u32], left: &'a [u32], guests: bool, order: Order) {
    for right in right.chunks(RIGHT_ROWS) {
        for left in left.chunks(LEFT_ROWS) {
            tasks.push(Task { right, left, guests, order });
        }
    }
}

/// What one thread has found.
#[derive(Default)]
struct Found {
    panels: Panels,
    candidates: Vec<(u32, u32)>,
    pairs: Vec<Pair>,
}

fn run(
    space: &Space<'_>,
    tasks: &[Task<'_>],
    few: bool,
    seen: &Seen,
    progress: &Progress,
) -> Result<Vec<Pair>, Refused> {
    // Where a join is given up depends on the threads: what it saw until then does not count.
    let (total, seen) = (seen, &Seen::default());
    let held = AtomicU64::new(0);
    let pairs = tasks
        .par_iter()
        .try_fold(Found::default, |mut found, task| {
            progress.check()?;
            let Found { panels, candidates, pairs } = &mut found;
            panels.fill(space.first(), task.right);
            let most = if few { u64::MAX } else { MOST_PAIRS };
            let mut near = Near { task, space, seen, held: &held, most, candidates, pairs };
            sweep(space.kernel, space.first(), task.left, true, panels, &mut near);
            near.multiply();
            seen.products.fetch_add((task.left.len() * task.right.len()) as u64, Relaxed);
            if held.load(Relaxed) > most { Err(Refused::TooMany) } else { Ok(found) }
        })
        .map(|found| found.map(|found| found.pairs))
        .try_reduce(Vec::new, |mut left, mut right| {
            if left.len() < right.len() {
                std::mem::swap(&mut left, &mut right);
            }
            left.append(&mut right);
            Ok(left)
        })?;
    for (total, seen) in
        [(&total.products, &seen.products), (&total.candidates, &seen.candidates), (&total.pairs, &seen.pairs)]
    {
        total.fetch_add(seen.load(Relaxed), Relaxed);
    }
    Ok(pairs)
}

/// Candidates whose vectors are multiplied together, so that one can be fetched while another is multiplied.
const MOST_CANDIDATES: usize = 4096;
/// Candidates between asking for vectors and multiplying them.
const LOOK_AHEAD: usize = 3;
/// The same of bytes.
const LOOK_FAR_AHEAD: usize = 8;

/// Gathers the pairs that are near enough, each once.
struct Near<'a> {
    task: &'a Task<'a>,
    space: &'a Space<'a>,
    seen: &'a Seen,
    held: &'a AtomicU64,
    most: u64,
    candidates: &'a mut Vec<(u32, u32)>,
    pairs: &'a mut Vec<Pair>,
}

impl Near<'_> {
    /// Of the candidates that the bound let through, leaves those whose bytes are near enough.
    fn compare(&mut self) {
        let Space { bytes, bound, floor, .. } = self.space;
        if bound.is_none() || *floor <= -1.0 {
            return;
        }
        let mut near = 0;
        for at in 0..self.candidates.len() {
            if let Some(&(later, earlier)) = self.candidates.get(at + LOOK_FAR_AHEAD) {
                bytes.prefetch(later);
                bytes.prefetch(earlier);
            }
            let (later, earlier) = self.candidates[at];
            self.candidates[near] = (later, earlier);
            near += usize::from(bytes.may_reach(*floor, later, earlier));
        }
        self.candidates.truncate(near);
    }

    /// Multiplies the vectors of the candidates.
    fn multiply(&mut self) {
        self.compare();
        let Space { vectors, fused, floor, .. } = self.space;
        let before = self.pairs.len();
        for at in 0..self.candidates.len() {
            if let Some(&(later, earlier)) = self.candidates.get(at + LOOK_AHEAD) {
                prefetch_floats(vectors.row(later));
                prefetch_floats(vectors.row(earlier));
            }
            let (later, earlier) = self.candidates[at];
            let cosine = fused.cosine(vectors.row(later), vectors.row(earlier));
            if cosine >= *floor {
                self.pairs.push(Pair { later, earlier, cosine });
            }
        }
        let new = (self.pairs.len() - before) as u64;
        self.held.fetch_add(new, Relaxed);
        self.seen.candidates.fetch_add(self.candidates.len() as u64, Relaxed);
        self.seen.pairs.fetch_add(new, Relaxed);
        self.candidates.clear();
    }
}

fn prefetch_floats(values: &[f32]) {
    for line in values.chunks(16) {
        prefetch(line.as_ptr().cast());
    }
}

impl Look for Near<'_> {
    fn limit(&self, left: usize) -> f32 {
        // Too many already: nothing more is of interest.
        if self.pairs.len() as u64 > self.most {
            return f32::INFINITY;
        }
        self.space.limit(self.space.floor, self.task.left[left])
    }

    fn found(&mut self, left: usize, right: usize, _value: f32) {
        let (left, right) = (self.task.left[left], self.task.right[right]);
        let fits = match self.task.order {
            Order::Left => left > right,
            Order::Right => left < right,
            Order::Any => left != right,
        };
        if !fits {
            return;
        }
        // A pair in which each row is a guest where the other is at home meets twice: the later row's visit counts.
        let twice = self.task.guests && left < right;
        if twice && self.space.clusters.as_ref().is_some_and(|clusters| clusters.visits(right, clusters.home(left))) {
            return;
        }
        self.candidates.push((left.max(right), left.min(right)));
        if self.candidates.len() >= MOST_CANDIDATES {
            self.multiply();
        }
    }
}
