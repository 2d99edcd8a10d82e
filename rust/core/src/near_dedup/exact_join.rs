//! The decisions over all pairs, not only over those that share a band: recall 1 by construction.
//!
//! The banded pass keeps a set S in which every removed row has an earlier kept neighbour. [`audit`] finds every pair
//! within S that is similar after all, by a prefix filter join (Bayardo et al. 2007, Xiao et al. 2008).
//!
//! Without such a pair S is the answer: a row of S has no earlier neighbour in S, and a row outside has one, which is
//! just how the greedy pass over the graph of all pairs decides, row by row in the order of keeping.
//!
//! Otherwise a *settled* set T, at first S, grows: all edges within T are known, and the greedy pass over T alone
//! decides its rows. A row outside T is removed rightly as long as the row it goes for is kept; when that one goes,
//! the orphan is given another kept earlier neighbour, or joins T with all of its edges. Once there is no orphan, the
//! same argument holds for T's kept rows: they are what the greedy pass over all pairs keeps.

mod audit;
pub(super) mod counts;
mod index;
mod matches;
pub(super) mod reader;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use self::audit::{Audit, audit};
use self::matches::matches;
use self::reader::Reader;
use super::{Parameters, Removal};
use crate::batch::Rows;
use crate::progress::{Cancelled, Progress};

/// Two different rows whose similarity is at or above the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    left: u32,
    right: u32,
    similarity: f64,
}

/// Orphans that join the settled rows in the first round; each round takes twice as many, so that one row that
/// thousands were removed for does not bring thousands at once.
const FIRST_ORPHANS: usize = 64;

/// Turns the removals of the banded pass over `stands` into those over all pairs. Sorted by row.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn complete(
    parameters: &Parameters,
    rows: &dyn Rows,
    stands: &[u32],
    mut removals: Vec<Removal>,
    progress: &Progress,
) -> Result<Vec<Removal>, Cancelled> {
    let reader = Reader { parameters, rows };
    let mut settled = kept_rows(rows.len(), stands, &removals);
    let Audit { mut edges, counts } = audit(&reader, &settled, progress)?;
    let mut joined = HashSet::new();
    let mut fresh: Vec<u32> = edges.iter().flat_map(|edge| [edge.left, edge.right]).collect();
    let mut width = FIRST_ORPHANS;
    loop {
        let gone = decide(rows, &mut edges);
        let mut orphans: Vec<usize> = (0..removals.len())
            .filter(|&at| gone.contains_key(&removals[at].kept_row) && !joined.contains(&removals[at].row))
            .collect();
        if !orphans.is_empty() {
            fresh.retain(|row| !gone.contains_key(row));
            adopt(&reader, &mut removals, &mut orphans, &fresh, &counts, progress)?;
        }
        if orphans.is_empty() {
            removals.retain(|removal| !joined.contains(&removal.row));
            removals.extend(gone.into_values());
            removals.sort_unstable_by_key(|removal| removal.row);
            return Ok(removals);
        }
        orphans.sort_unstable_by(|&left, &right| order(rows, removals[left].row, removals[right].row));
        orphans.truncate(width);
        width *= 2;
        fresh = orphans.iter().map(|&at| removals[at].row).collect();
        joined.extend(fresh.iter().copied());
        settled.extend_from_slice(&fresh);
        edges.extend(matches(&reader, &settled, &fresh, &counts, progress)?);
    }
}

fn kept_rows(rows: usize, stands: &[u32], removals: &[Removal]) -> Vec<u32> {
    let mut removed = vec![false; rows];
    for removal in removals {
        removed[removal.row as usize] = true;
    }
    stands.iter().copied().filter(|&row| !removed[row as usize]).collect()
}

fn order(rows: &dyn Rows, left: u32, right: u32) -> Ordering {
    rows.keep_order(left, right).then(left.cmp(&right))
}

/// The greedy pass over the edges: each row that goes, with its first kept neighbour.
fn decide(rows: &dyn Rows, edges: &mut Vec<Edge>) -> HashMap<u32, Removal> {
    for edge in edges.iter_mut() {
        if order(rows, edge.left, edge.right) == Ordering::Greater {
            std::mem::swap(&mut edge.left, &mut edge.right);
        }
    }
    edges.sort_unstable_by(|a, b| order(rows, a.left, b.left).then_with(|| order(rows, a.right, b.right)));
    edges.dedup_by_key(|edge| (edge.left, edge.right));
    let mut gone = HashMap::new();
    for edge in edges {
        if !gone.contains_key(&edge.left) {
            let removal = Removal { row: edge.right, kept_row: edge.left, similarity: edge.similarity, equal_lanes: 0 };
            gone.entry(edge.right).or_insert(removal);
        }
    }
    gone
}

/// Gives orphans that have an earlier neighbour among `fresh`, which are kept, the first such to go for.
fn adopt(
    reader: &Reader<'_>,
    removals: &mut [Removal],
    orphans: &mut Vec<usize>,
    fresh: &[u32],
    counts: &counts::Counts,
    progress: &Progress,
) -> Result<(), Cancelled> {
    let scanned: Vec<u32> = orphans.iter().map(|&at| removals[at].row).collect();
    let at_of: HashMap<u32, usize> = scanned.iter().copied().zip(orphans.iter().copied()).collect();
    let mut keepers: HashMap<u32, Edge> = HashMap::new();
    for edge in matches(reader, &scanned, fresh, counts, progress)? {
        if order(reader.rows, edge.right, edge.left) == Ordering::Less {
            let keeper = keepers.entry(edge.left).or_insert(edge);
            if order(reader.rows, edge.right, keeper.right) == Ordering::Less {
                *keeper = edge;
            }
        }
    }
    orphans.retain(|&at| !keepers.contains_key(&removals[at].row));
    for (row, edge) in keepers {
        removals[at_of[&row]] = Removal { row, kept_row: edge.right, similarity: edge.similarity, equal_lanes: 0 };
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
