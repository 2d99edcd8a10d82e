//! Near-duplicate removal: MinHash signatures, banding, exact Jaccard of the candidates, verified decisions.
//!
//! [`NearDedup::scan`] makes a signature of every row; [`NearDedup::finish`] joins rows that share a band into
//! components, and in each component, in the order of keeping, lets every row that still stands remove those whose
//! similarity, computed exactly, is at or above the threshold.

mod band;
mod components;
pub mod datasketch;
mod decide;
mod exact_join;
mod large;
pub mod shingle;
pub mod signatures;
pub mod sketch;
mod verify;

use std::collections::HashSet;

use rayon::prelude::*;

use self::band::connect_bands;
use self::components::Components;
use self::decide::{Context, DecideBuffers, decide_component, is_large, steps};
use self::shingle::{LARGEST_SHINGLE, ShingleBuffers, ShingleSize, shingle_hashes};
use self::signatures::Signatures;
use self::sketch::Permutations;
use crate::batch::{Batch, RowScratch, Rows, Turns};
use crate::progress::{Cancelled, Progress};
use crate::text::{Field, Fold, field_points};

/// What the user sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// The text that is compared.
    pub field: Field,
    /// What the comparison overlooks.
    pub fold: Fold,
    /// Sizes of the shingles.
    pub shingle: ShingleSize,
    /// Jaccard similarity from which on two rows are near duplicates; 0 < threshold ≤ 1.
    pub threshold: f64,
    /// Lanes of a signature; at least `bands * rows_per_band`.
    pub permutations: usize,
    /// Bands; a pair that agrees in all lanes of one of them is a candidate.
    pub bands: usize,
    /// Lanes in a band.
    pub rows_per_band: usize,
    /// Seed of the lanes' constants.
    pub seed: u64,
    /// Whether pairs that share no band count too: recall 1, for more time.
    pub exact: bool,
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}: {rule}")]
pub struct ParameterError {
    /// The setting.
    pub name: &'static str,
    /// What it was.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl Parameters {
    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn check(&self) -> Result<(), ParameterError> {
        let error = |name, value: String, rule| Err(ParameterError { name, value, rule });
        let shingle = 1..=LARGEST_SHINGLE;
        if !shingle.contains(&self.shingle.characters) {
            return error("shingle_characters", self.shingle.characters.to_string(), "it must be 1 to 64");
        }
        if !shingle.contains(&self.shingle.words) {
            return error("shingle_words", self.shingle.words.to_string(), "it must be 1 to 64");
        }
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return error("threshold", self.threshold.to_string(), "it must be above 0 and at most 1");
        }
        if !(1..=MOST_PERMUTATIONS).contains(&self.permutations) {
            return error("permutations", self.permutations.to_string(), "it must be 1 to 4096");
        }
        if self.bands == 0 || self.rows_per_band == 0 {
            return error("bands", self.bands.to_string(), "bands and rows_per_band must be at least 1");
        }
        if self.bands.saturating_mul(self.rows_per_band) > self.permutations {
            let value = format!("{} of {} rows", self.bands, self.rows_per_band);
            return error("bands", value, "bands times rows_per_band may not be above permutations");
        }
        Ok(())
    }
}

/// The longest signature.
pub const MOST_PERMUTATIONS: usize = 4096;

/// A row that goes, the row it goes for, and their exact Jaccard similarity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removal {
    /// The removed row.
    pub row: u32,
    /// The row that is kept for it.
    pub kept_row: u32,
    /// Shared over all distinct shingles, 0 to 1.
    pub similarity: f64,
    /// Lanes of the signatures that agree; 0 where no signature was looked at.
    pub equal_lanes: u16,
}

/// What [`NearDedup::finish`] decided, and what it saw on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// The rows that go, sorted by row.
    pub removals: Vec<Removal>,
    /// Pairs that came nearest to the threshold and stayed, at most [`MOST_NEAR_MISSES`], the most similar first.
    pub near_misses: Vec<Removal>,
    /// The rows of the components in which a row goes, with the component's number, sorted by row. No row of another
    /// component can be a near duplicate of one of these at this threshold or a higher one. Empty in exact mode.
    pub components: Vec<(u32, u32)>,
}

/// Near misses that are kept.
pub const MOST_NEAR_MISSES: usize = 1000;
/// How far below the threshold a near miss may be.
const NEAR: f64 = 0.1;

/// What is gathered while components are decided.
#[derive(Default)]
struct Gathered {
    removals: Vec<Removal>,
    near_misses: Vec<Removal>,
}

impl Gathered {
    /// Keeps the most similar of the near misses, once there are many.
    fn trim(&mut self, most_held: usize) {
        if self.near_misses.len() <= most_held {
            return;
        }
        self.near_misses.sort_unstable_by(|a, b| {
            b.similarity.total_cmp(&a.similarity).then_with(|| (a.row, a.kept_row).cmp(&(b.row, b.kept_row)))
        });
        self.near_misses.truncate(MOST_NEAR_MISSES);
    }

    fn append(&mut self, mut other: Self) {
        self.removals.append(&mut other.removals);
        self.near_misses.append(&mut other.near_misses);
        self.trim(MOST_HELD_MISSES);
    }
}

/// Near misses that one thread gathers before it lets the least similar go.
const MOST_HELD_MISSES: usize = 16 * MOST_NEAR_MISSES;

/// Standard errors of the estimate that a pair at the threshold may fall short by and still be verified.
const SAFE_ERRORS: f64 = 6.5;

/// The stage's memory of a corpus: a signature for every row that has the field.
#[derive(Clone, Debug)]
pub struct NearDedup {
    parameters: Parameters,
    permutations: Permutations,
    signatures: Signatures,
    rows: Vec<u32>,
}

/// Rows that one task signs: long enough to be worth a task, short enough to balance.
const ROWS_PER_TASK: usize = 256;
/// Rows that are read and signed at once when a threshold is raised.
const ROWS_READ_AGAIN: usize = 1 << 15;
/// Components that one task decides.
const COMPONENTS_PER_TASK: usize = 256;
/// From this size on components are decided one after the other, all threads working on one.
const GIANT_COMPONENT: usize = 1 << 14;
/// Components between asking for the rows of one and deciding it.
const LOOK_AHEAD: usize = 4;

#[derive(Default)]
struct ScanBuffers {
    folded: String,
    points: Vec<u32>,
    shingles: ShingleBuffers,
    hashes: Vec<u64>,
}

impl NearDedup {
    /// Nothing scanned yet.
    #[must_use]
    pub fn new(parameters: Parameters) -> Self {
        let permutations = Permutations::new(parameters.permutations, parameters.seed);
        let signatures = Signatures::new(parameters.permutations, parameters.rows_per_band);
        Self { parameters, permutations, signatures, rows: Vec::new() }
    }

    /// Signs the rows of a batch; `numbers` are their row numbers. Rows without the field are never compared.
    pub fn scan(&mut self, turns: Turns<'_>, numbers: &[u32]) {
        let (parameters, permutations) = (&self.parameters, &self.permutations);
        let lanes = parameters.permutations;
        let mut start = 0;
        let mut missing = vec![false; numbers.len()];
        let mut missing_rest = missing.as_mut_slice();
        for space in self.signatures.grow(numbers.len()) {
            let rows = space.len() / lanes;
            let (missing, rest) = missing_rest.split_at_mut(rows);
            missing_rest = rest;
            space
                .par_chunks_mut(lanes * ROWS_PER_TASK)
                .zip(missing.par_chunks_mut(ROWS_PER_TASK))
                .enumerate()
                .for_each_init(ScanBuffers::default, |buffers, (task, (signatures, missing))| {
                    for (offset, (signature, missing)) in signatures.chunks_mut(lanes).zip(missing).enumerate() {
                        let row = start + task * ROWS_PER_TASK + offset;
                        let ScanBuffers { folded, points, shingles, hashes } = buffers;
                        *missing = !field_points(turns, row, parameters.field, parameters.fold, folded, points);
                        shingle_hashes(points, parameters.shingle, shingles, hashes);
                        permutations.sign(hashes, signature);
                    }
                });
            start += rows;
        }
        self.rows.extend(numbers.iter().zip(&missing).map(|(&row, &missing)| if missing { u32::MAX } else { row }));
    }

    /// Decides over the scanned rows for which `alive` holds (all, without it). Sorted by row.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn finish(&self, rows: &dyn Rows, alive: Option<&[bool]>, progress: &Progress) -> Result<Decided, Cancelled> {
        let stands = |row: u32| row != u32::MAX && alive.is_none_or(|alive| alive[row as usize]);
        let indices: Vec<u32> =
            (0..self.rows.len() as u32).filter(|&index| stands(self.rows[index as usize])).collect();
        let least_equal = least_equal(self.parameters.threshold, self.parameters.permutations);
        let components = Components::new(self.rows.len());
        connect_bands(&self.signatures, &indices, self.parameters.bands, least_equal, &components, progress)?;
        let (members, starts) = components.groups();
        let context = Context {
            parameters: &self.parameters,
            signatures: &self.signatures,
            rows_of: &self.rows,
            rows,
            least_equal,
        };
        let mut gathered = decide_components(&context, &members, &starts, progress)?;
        gathered.trim(0);
        let Gathered { mut removals, near_misses } = gathered;
        removals.par_sort_unstable_by_key(|removal| removal.row);
        if self.parameters.exact {
            let stands: Vec<u32> = indices.iter().map(|&index| self.rows[index as usize]).collect();
            let removals = exact_join::complete(&self.parameters, rows, &stands, removals, progress)?;
            return Ok(Decided { removals, ..Decided::default() });
        }
        let components = self.removing_components(&removals, &members, &starts);
        Ok(Decided { removals, near_misses, components })
    }

    /// Decides as [`Self::finish`] would after a scan of all rows, from what it decided at a lower threshold and with
    /// otherwise equal parameters.
    ///
    /// Only components in which a row goes for a similarity that is too low now are looked at again: in every other
    /// one each row in turn, in the order of keeping, is removed by the same row as before. The rows of these components
    /// are read and signed; what was scanned plays no part.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn raise(&self, before: &Decided, rows: &dyn Rows, progress: &Progress) -> Result<Decided, Cancelled> {
        let least_equal = least_equal(self.parameters.threshold, self.parameters.permutations);
        let component_of = |row: u32| {
            let at = before.components.binary_search_by_key(&row, |&(row, _)| row).ok()?;
            Some(before.components[at].1)
        };
        let holds = |removal: &Removal| {
            removal.similarity >= self.parameters.threshold && u32::from(removal.equal_lanes) >= least_equal
        };
        let open: HashSet<u32> = before
            .removals
            .iter()
            .filter(|removal| !holds(removal))
            .filter_map(|removal| component_of(removal.row))
            .collect();
        let is_open = |row: u32| component_of(row).is_some_and(|component| open.contains(&component));
        let again: Vec<u32> =
            before.components.iter().filter(|(_, component)| open.contains(component)).map(|&(row, _)| row).collect();
        let mut stage = Self::new(self.parameters.clone());
        for numbers in again.chunks(ROWS_READ_AGAIN) {
            progress.check()?;
            stage.scan_again(rows, numbers);
        }
        let mut decided = stage.finish(rows, None, progress)?;
        decided.removals.extend(before.removals.iter().filter(|removal| !is_open(removal.row)));
        decided.removals.par_sort_unstable_by_key(|removal| removal.row);
        decided.components.extend(before.components.iter().filter(|(_, component)| !open.contains(component)));
        decided.components.par_sort_unstable_by_key(|&(row, _)| row);
        Ok(decided)
    }

    /// Reads rows by their number and signs them.
    fn scan_again(&mut self, rows: &dyn Rows, numbers: &[u32]) {
        let parts: Vec<Batch> = numbers
            .par_chunks(ROWS_PER_TASK)
            .map_init(RowScratch::default, |scratch, numbers| {
                let mut part = Batch::default();
                for &row in numbers {
                    let (turns, at) = rows.read(row, scratch);
                    part.push_turns(turns.of(at));
                }
                part
            })
            .collect();
        let mut batch = Batch::default();
        for part in &parts {
            batch.append(part);
        }
        self.scan(batch.view(), numbers);
    }

    /// The rows of the components in which a row goes, with the least row of the component as its number.
    fn removing_components(&self, removals: &[Removal], members: &[u32], starts: &[u32]) -> Vec<(u32, u32)> {
        let goes = |row: u32| removals.binary_search_by_key(&row, |removal| removal.row).is_ok();
        let mut rows: Vec<(u32, u32)> = starts
            .par_windows(2)
            .flat_map_iter(|bounds| {
                let component = &members[bounds[0] as usize..bounds[1] as usize];
                let rows = component.iter().map(|&index| self.rows[index as usize]);
                let number = rows.clone().min().filter(|_| rows.clone().any(goes));
                number.into_iter().flat_map(move |number| rows.clone().map(move |row| (row, number)))
            })
            .collect();
        rows.par_sort_unstable_by_key(|&(row, _)| row);
        rows
    }
}

/// Decides over components; each begins in `members` where `starts` says. In no order.
fn decide_components(
    context: &Context<'_>,
    members: &[u32],
    starts: &[u32],
    progress: &Progress,
) -> Result<Gathered, Cancelled> {
    let count = starts.len() - 1;
    let component = |number: usize| &members[starts[number] as usize..starts[number + 1] as usize];
    progress.expect((0..count).map(|number| steps(component(number).len())).sum());
    let mut gathered = Gathered::default();
    let giants = (0..count).filter(|&number| component(number).len() >= GIANT_COMPONENT);
    for number in giants {
        decide_component(context, component(number), &mut DecideBuffers::default(), progress, &mut gathered)?;
        gathered.trim(MOST_HELD_MISSES);
    }
    let others = (0..count.div_ceil(COMPONENTS_PER_TASK))
        .into_par_iter()
        .try_fold(
            || (DecideBuffers::default(), Gathered::default()),
            |(mut buffers, mut gathered), task| {
                progress.check()?;
                let first = task * COMPONENTS_PER_TASK;
                let last = (first + COMPONENTS_PER_TASK).min(count);
                let mut small = 0;
                for number in first..last {
                    if number + 2 * LOOK_AHEAD < count {
                        context.prefetch_places(component(number + 2 * LOOK_AHEAD));
                        context.prefetch(component(number + LOOK_AHEAD));
                    }
                    let component = component(number);
                    if component.len() < GIANT_COMPONENT {
                        decide_component(context, component, &mut buffers, progress, &mut gathered)?;
                    }
                    small += if is_large(component.len()) { 0 } else { steps(component.len()) };
                }
                gathered.trim(MOST_HELD_MISSES);
                progress.advance(small);
                Ok((buffers, gathered))
            },
        )
        .map(|part| part.map(|(_, gathered)| gathered))
        .try_reduce(Gathered::default, |mut left, right| {
            left.append(right);
            Ok(left)
        })?;
    gathered.append(others);
    Ok(gathered)
}

/// Lanes that must be equal before a pair is verified: the threshold less [`SAFE_ERRORS`] standard errors.
#[must_use]
pub fn least_equal(threshold: f64, lanes: usize) -> u32 {
    let error = (threshold * (1.0 - threshold) / lanes as f64).sqrt();
    ((threshold - SAFE_ERRORS * error) * lanes as f64).ceil().max(0.0) as u32
}

/// The probability that a pair of some similarity becomes a candidate: `1 - (1 - s^rows)^bands`.
#[must_use]
pub fn candidate_probability(similarity: f64, bands: usize, rows_per_band: usize) -> f64 {
    1.0 - (1.0 - similarity.powi(rows_per_band as i32)).powi(bands as i32)
}
