//! Exact duplicates: rows whose text is the same, character for character, after the folds that the recipe names.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{RowScratch, Rows, Turns};
use crate::groups::Groups;
use crate::near_dedup::Removal;
use crate::progress::{Cancelled, Progress};
use crate::text::{Field, Fold, field_points};

/// The stage's memory of a corpus: a hash of every row's text.
#[derive(Clone, Debug)]
pub struct ExactDedup {
    field: Field,
    fold: Fold,
    rows: Vec<u32>,
    hashes: Vec<u64>,
}

const ROWS_PER_TASK: usize = 256;

impl ExactDedup {
    /// Nothing scanned yet.
    #[must_use]
    pub fn new(field: Field, fold: Fold) -> Self {
        Self { field, fold, rows: Vec::new(), hashes: Vec::new() }
    }

    /// Hashes the rows of a batch; `numbers` are their row numbers. Rows without the field are never compared.
    pub fn scan(&mut self, turns: Turns<'_>, numbers: &[u32]) {
        let (field, fold) = (self.field, self.fold);
        let hashes: Vec<Option<u64>> = (0..numbers.len())
            .into_par_iter()
            .with_min_len(ROWS_PER_TASK)
            .map_init(
                || (String::new(), Vec::new()),
                |(folded, points), row| field_points(turns, row, field, fold, folded, points).then(|| hash(points)),
            )
            .collect();
        for (&row, hash) in numbers.iter().zip(hashes) {
            if let Some(hash) = hash {
                self.rows.push(row);
                self.hashes.push(hash);
            }
        }
    }

    /// Decides over the scanned rows for which `alive` holds (all, without it): of equal texts the first in the order
    /// of keeping stays. Equality is that of the texts; the hashes only propose it. Sorted by row, similarity 1.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn finish(
        &self,
        rows: &dyn Rows,
        alive: Option<&[bool]>,
        progress: &Progress,
    ) -> Result<Vec<Removal>, Cancelled> {
        let stands = |row: u32| alive.is_none_or(|alive| alive[row as usize]);
        let (numbers, hashes): (Vec<u32>, Vec<u64>) =
            self.rows.iter().zip(&self.hashes).filter(|&(&row, _)| stands(row)).unzip();
        let groups = Groups::of(&hashes, &numbers);
        progress.expect(groups.len() as u64);
        let mut removals: Vec<Removal> = (0..groups.len())
            .into_par_iter()
            .with_min_len(64)
            .map(|group| {
                progress.check()?;
                progress.advance(1);
                Ok(self.decide(rows, groups.members(group)))
            })
            .try_fold(Vec::new, |mut all, part: Result<Vec<Removal>, Cancelled>| {
                all.append(&mut part?);
                Ok(all)
            })
            .try_reduce(Vec::new, |mut left, mut right| {
                left.append(&mut right);
                Ok(left)
            })?;
        removals.par_sort_unstable_by_key(|removal| removal.row);
        Ok(removals)
    }

    fn decide(&self, rows: &dyn Rows, members: &[u32]) -> Vec<Removal> {
        let mut members = members.to_vec();
        members.sort_unstable_by(|&left, &right| rows.keep_order(left, right));
        let mut keepers: Vec<(u32, Vec<u32>)> = Vec::new();
        let mut removals = Vec::new();
        let (mut scratch, mut folded, mut points) = (RowScratch::default(), String::new(), Vec::new());
        for row in members {
            let (turns, at) = rows.read(row, &mut scratch);
            field_points(turns, at, self.field, self.fold, &mut folded, &mut points);
            match keepers.iter().find(|(_, kept)| *kept == points) {
                Some(&(kept_row, _)) => removals.push(Removal { row, kept_row, similarity: 1.0, equal_lanes: 0 }),
                None => keepers.push((row, std::mem::take(&mut points))),
            }
        }
        removals
    }
}

fn hash(points: &[u32]) -> u64 {
    // SAFETY: every u32 is four bytes without padding, and bytes need no alignment.
    let bytes = unsafe { std::slice::from_raw_parts(points.as_ptr().cast::<u8>(), size_of_val(points)) };
    xxh3_64(bytes)
}
