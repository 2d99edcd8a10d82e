//! Who is removed for whom, component by component.

use std::cmp::Ordering;

use super::large::{STEPS_PER_ROW, Standing, decide_large};
use super::shingle::{ShingleBuffers, shingle_hashes};
use super::signatures::Signatures;
use super::sketch::equal_lanes;
use super::verify::ShingleSet;
use super::{Gathered, NEAR, Parameters, Removal};
use crate::batch::{RowScratch, Rows};
use crate::progress::{Cancelled, Progress};
use crate::text::field_points;

/// From this size on a component's candidates are looked up by their shingles, not pair by pair.
const LARGE_COMPONENT: usize = 512;
/// Shingles that are held of a component that is decided pair by pair; with more, it counts as large too.
const MOST_HELD: usize = 1 << 22;

/// Whether a component of so many rows is decided by looking candidates up; several threads then work on it.
pub fn is_large(rows: usize) -> bool {
    rows >= LARGE_COMPONENT
}

/// The steps that deciding a component of so many rows reports.
pub fn steps(rows: usize) -> u64 {
    rows as u64 * if is_large(rows) { STEPS_PER_ROW } else { 1 }
}

/// Everything that deciding reads.
pub struct Context<'a> {
    /// What the user set.
    pub parameters: &'a Parameters,
    /// The signatures, by index.
    pub signatures: &'a Signatures,
    /// The row of each index.
    pub rows_of: &'a [u32],
    /// The texts and the order of keeping.
    pub rows: &'a dyn Rows,
    /// Lanes that must agree before a pair is verified.
    pub least_equal: u32,
}

impl Context<'_> {
    /// Asks for what [`Self::prefetch`] will read.
    pub fn prefetch_places(&self, component: &[u32]) {
        for &index in component.iter().take(16) {
            self.rows.prefetch_place(self.rows_of[index as usize]);
        }
    }

    /// Asks for what deciding a component will read.
    pub fn prefetch(&self, component: &[u32]) {
        for &index in component.iter().take(16) {
            self.signatures.prefetch(index as usize);
            self.rows.prefetch(self.rows_of[index as usize]);
        }
    }
}

/// What one thread needs to decide; reused from component to component.
#[derive(Default)]
pub struct DecideBuffers {
    scratch: RowScratch,
    folded: String,
    points: Vec<u32>,
    shingles: ShingleBuffers,
    members: Vec<Member>,
    set: ShingleSet,
    hashes: HashPool,
    /// Near misses of the component, with the place of the row that stayed among the members.
    misses: Vec<(u32, Removal)>,
}

struct Member {
    index: u32,
    row: u32,
    removed: bool,
    /// Where the member's hashes lie in the pool, once they were needed.
    hashes: Option<(usize, usize)>,
}

#[derive(Default)]
struct HashPool {
    one: Vec<u64>,
    all: Vec<u64>,
}

/// Decides one component: in the order of keeping, each row that still stands removes its verified duplicates.
///
/// This is the lexicographically first maximal independent set of the component's graph, in which two rows are
/// joined if they share a band, agree in enough lanes and have a Jaccard similarity of at least the threshold. The
/// steps of a component that is not large are left to the caller to report.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn decide_component(
    context: &Context<'_>,
    component: &[u32],
    buffers: &mut DecideBuffers,
    progress: &Progress,
    gathered: &mut Gathered,
) -> Result<(), Cancelled> {
    let mut members = std::mem::take(&mut buffers.members);
    members.clear();
    members.extend(component.iter().map(|&index| Member {
        index,
        row: context.rows_of[index as usize],
        removed: false,
        hashes: None,
    }));
    members.sort_unstable_by(|a, b| match context.rows.keep_order(a.row, b.row) {
        Ordering::Equal => a.row.cmp(&b.row),
        unequal => unequal,
    });
    buffers.hashes.all.clear();
    buffers.misses.clear();
    let mut decided = 0;
    if !is_large(members.len()) {
        decided = decide_pairs(context, &mut members, buffers, MOST_HELD, progress, gathered)?;
        progress.expect(STEPS_PER_ROW * (members.len() - decided) as u64);
    }
    if decided < members.len() {
        buffers.hashes.all = Vec::new();
        // What is decided now may still remove these rows, and then they did not stay.
        buffers.misses.clear();
        let left = members[decided..].iter().filter(|member| !member.removed);
        let standing: Vec<Standing> = left.map(|&Member { index, row, .. }| Standing { index, row }).collect();
        progress.advance(STEPS_PER_ROW * (members.len() - decided - standing.len()) as u64);
        decide_large(context, &standing, progress, gathered)?;
    }
    let misses = buffers.misses.drain(..);
    gathered.near_misses.extend(misses.filter(|miss| !members[miss.0 as usize].removed).map(|miss| miss.1));
    buffers.members = members;
    Ok(())
}

/// Decides pair by pair. Returns how many keepers are done: all, or fewer where too many shingles would be held.
fn decide_pairs(
    context: &Context<'_>,
    members: &mut [Member],
    buffers: &mut DecideBuffers,
    most_held: usize,
    progress: &Progress,
    gathered: &mut Gathered,
) -> Result<usize, Cancelled> {
    for keeper in 0..members.len() {
        if members[keeper].removed {
            continue;
        }
        let mut set_is_keepers = false;
        for candidate in keeper + 1..members.len() {
            if !members[candidate].removed
                && let Some(lanes) = candidate_lanes(context, members, keeper, candidate)
            {
                progress.check()?;
                if buffers.hashes.all.len() > most_held {
                    return Ok(keeper);
                }
                verify(context, members, (keeper, candidate, lanes), &mut set_is_keepers, buffers, gathered);
            }
        }
    }
    Ok(members.len())
}

/// The lanes in which two rows agree, if that and a common band make them worth verifying.
fn candidate_lanes(context: &Context<'_>, members: &[Member], left: usize, right: usize) -> Option<u16> {
    let (left, right) = (members[left].index as usize, members[right].index as usize);
    let signatures = context.signatures;
    let lanes = equal_lanes(signatures.signature(left), signatures.signature(right));
    let is_candidate = lanes >= context.least_equal && signatures.share_band(left, right, context.parameters.bands);
    is_candidate.then_some(lanes as u16)
}

fn verify(
    context: &Context<'_>,
    members: &mut [Member],
    (keeper, candidate, equal_lanes): (usize, usize, u16),
    set_is_keepers: &mut bool,
    buffers: &mut DecideBuffers,
    gathered: &mut Gathered,
) {
    let keeper_range = member_hashes(context, &mut members[keeper], buffers);
    let candidate_range = member_hashes(context, &mut members[candidate], buffers);
    let keeper_hashes = &buffers.hashes.all[keeper_range.0..keeper_range.1];
    let candidate_hashes = &buffers.hashes.all[candidate_range.0..candidate_range.1];
    if !*set_is_keepers {
        buffers.set.set_keeper(keeper_hashes);
        *set_is_keepers = true;
    }
    let (shared, all) = buffers.set.overlap(keeper_hashes, candidate_hashes);
    let similarity = shared as f64 / all as f64;
    let pair = Removal { row: members[candidate].row, kept_row: members[keeper].row, similarity, equal_lanes };
    if similarity >= context.parameters.threshold {
        members[candidate].removed = true;
        gathered.removals.push(pair);
    } else if similarity >= context.parameters.threshold - NEAR {
        // Another row may still remove the candidate.
        buffers.misses.push((candidate as u32, pair));
    }
}

fn member_hashes(context: &Context<'_>, member: &mut Member, buffers: &mut DecideBuffers) -> (usize, usize) {
    if let Some(range) = member.hashes {
        return range;
    }
    let parameters = context.parameters;
    let (turns, at) = context.rows.read(member.row, &mut buffers.scratch);
    field_points(turns, at, parameters.field, parameters.fold, &mut buffers.folded, &mut buffers.points);
    shingle_hashes(&buffers.points, parameters.shingle, &mut buffers.shingles, &mut buffers.hashes.one);
    let start = buffers.hashes.all.len();
    buffers.hashes.all.extend_from_slice(&buffers.hashes.one);
    let range = (start, buffers.hashes.all.len());
    member.hashes = Some(range);
    range
}
