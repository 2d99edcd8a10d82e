//! Decides over all rows in the order of keeping, block after block, and compares with kept rows only.

use super::decisions::{Decisions, Judge};
use super::join::{FEW_ROWS, Refused, Seen, Space, join, join_itself};
use crate::progress::{Cancelled, Progress};

/// How much longer each block is than the one before.
const GROWTH: usize = 4;

/// A search under way.
pub struct Settle<'a, J> {
    /// Where pairs are found.
    pub space: &'a Space<'a>,
    /// What says which are duplicates.
    pub judge: &'a J,
    /// What was decided so far.
    pub decisions: Decisions,
    /// What was seen on the way.
    pub seen: Seen,
    /// How far it is, and whether to stop.
    pub progress: &'a Progress,
}

impl<J: Judge> Settle<'_, J> {
    /// Decides over all rows.
    pub fn all(&mut self) -> Result<(), Cancelled> {
        let rows: Vec<u32> =
            (0..self.space.vectors.len() as u32).filter(|&row| !self.space.bytes.is_zero(row)).collect();
        let mut kept: Vec<u32> = Vec::new();
        let (mut rest, mut length) = (&rows[..], FEW_ROWS);
        while !rest.is_empty() {
            let (block, others) = rest.split_at(length.min(rest.len()));
            self.after(&kept, block)?;
            kept.extend(block.iter().filter(|&&row| self.decisions.is_kept(row)));
            self.progress.advance(block.len() as u64);
            (rest, length) = (others, length.saturating_mul(GROWTH));
        }
        Ok(())
    }

    /// Decides over `rows`, none of which was compared yet, given the kept rows before them.
    ///
    /// A row that goes for one of `kept` is compared only with the rows that are kept among `rows`: one of them may be
    /// nearer. So a thousand rows alike cost a thousand products and not a million.
    fn after(&mut self, kept: &[u32], rows: &[u32]) -> Result<(), Cancelled> {
        self.against(rows, kept)?;
        let (open, gone): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&&row| self.decisions.is_kept(row));
        self.among(&open)?;
        let newly_kept: Vec<u32> = open.into_iter().filter(|&row| self.decisions.is_kept(row)).collect();
        self.against(&gone, &newly_kept)
    }

    /// Decides over rows that no row outside of them removes.
    fn among(&mut self, rows: &[u32]) -> Result<(), Cancelled> {
        if rows.len() < 2 {
            return Ok(());
        }
        match join_itself(self.space, rows, &self.seen, self.progress) {
            Ok(pairs) => self.decisions.apply_in_order(pairs, self.judge, self.progress),
            Err(Refused::Cancelled) => Err(Cancelled),
            Err(Refused::TooMany) => {
                let (first, second) = rows.split_at(rows.len() / 2);
                self.among(first)?;
                let kept: Vec<u32> = first.iter().copied().filter(|&row| self.decisions.is_kept(row)).collect();
                self.after(&kept, second)
            }
        }
    }

    /// Compares rows with kept ones.
    fn against(&mut self, rows: &[u32], kept: &[u32]) -> Result<(), Cancelled> {
        if rows.is_empty() || kept.is_empty() {
            return Ok(());
        }
        match join(self.space, rows, kept, &self.seen, self.progress) {
            Ok(pairs) => self.decisions.apply_to_kept(pairs, self.judge, self.progress),
            Err(Refused::Cancelled) => Err(Cancelled),
            Err(Refused::TooMany) => {
                let (first, second) = rows.split_at(rows.len() / 2);
                self.against(first, kept)?;
                self.against(second, kept)
            }
        }
    }
}
