//! What happened to every row of a run: kept, or removed by a stage, for a reason, for another row.

/// A row that a stage removes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removed {
    /// The row.
    pub row: u32,
    /// Code of the reason, in the stage's list.
    pub reason: u8,
    /// The row that is kept for it, for duplicates.
    pub kept_row: Option<u32>,
    /// Similarity to that row, if one was computed.
    pub similarity: Option<f64>,
}

/// A removal that breaks the rules of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// There is no such row.
    #[error("row {0} does not exist")]
    NoSuchRow(u32),
    /// A row is removed only once.
    #[error("row {0} was removed before")]
    RemovedBefore(u32),
    /// A row is removed only for a row that stands.
    #[error("row {row} is removed for row {kept_row}, which is not kept")]
    KeeperNotKept {
        /// The removed row.
        row: u32,
        /// The row that should have been kept.
        kept_row: u32,
    },
}

/// One entry per row: the stage that removed it, and why.
#[derive(Clone, Debug)]
pub struct Ledger {
    alive: Vec<bool>,
    stage: Vec<u8>,
    reason: Vec<u8>,
    kept_row: Vec<u32>,
    similarity: Vec<f64>,
}

const NO_ROW: u32 = u32::MAX;

impl Ledger {
    /// Every row kept.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self {
            alive: vec![true; rows],
            stage: vec![0; rows],
            reason: vec![0; rows],
            kept_row: vec![NO_ROW; rows],
            similarity: vec![f64::NAN; rows],
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alive.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alive.is_empty()
    }

    /// Which rows stand.
    #[must_use]
    pub fn alive(&self) -> &[bool] {
        &self.alive
    }

    /// Whether the same rows stand in both.
    #[must_use]
    pub fn keeps_as(&self, other: &Self) -> bool {
        self.alive == other.alive
    }

    /// Number of rows that stand.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.alive.iter().filter(|&&alive| alive).count()
    }

    /// Enters what a stage removes.
    ///
    /// # Errors
    /// [`LedgerError`] at the first removal that breaks a rule; what came before it stays entered.
    pub fn remove(&mut self, stage: u8, removals: &[Removed]) -> Result<(), LedgerError> {
        for removal in removals {
            let row = removal.row as usize;
            match self.alive.get_mut(row) {
                None => return Err(LedgerError::NoSuchRow(removal.row)),
                Some(alive) if !*alive => return Err(LedgerError::RemovedBefore(removal.row)),
                Some(alive) => *alive = false,
            }
            self.stage[row] = stage;
            self.reason[row] = removal.reason;
            self.kept_row[row] = removal.kept_row.unwrap_or(NO_ROW);
            self.similarity[row] = removal.similarity.unwrap_or(f64::NAN);
        }
        for removal in removals {
            if let Some(kept_row) = removal.kept_row
                && !self.alive.get(kept_row as usize).is_some_and(|&alive| alive)
            {
                return Err(LedgerError::KeeperNotKept { row: removal.row, kept_row });
            }
        }
        Ok(())
    }

    /// What happened to a row: the stage and the removal, or None if it stands.
    #[must_use]
    pub fn removal(&self, row: u32) -> Option<(u8, Removed)> {
        let at = row as usize;
        if self.alive[at] {
            return None;
        }
        let kept_row = (self.kept_row[at] != NO_ROW).then_some(self.kept_row[at]);
        let similarity = (!self.similarity[at].is_nan()).then_some(self.similarity[at]);
        Some((self.stage[at], Removed { row, reason: self.reason[at], kept_row, similarity }))
    }

    /// The row that stands at the end of the chain: a later stage may remove the row that an earlier one kept.
    ///
    /// None for a row that stands, and where the chain ends with a row that was not removed for another.
    #[must_use]
    pub fn final_kept_row(&self, row: u32) -> Option<u32> {
        let mut at = row;
        // A row is removed for one that stands then, so each step goes to a later stage: there are at most 256.
        for _ in 0..=u8::MAX {
            if self.alive[at as usize] {
                break;
            }
            at = self.kept_row[at as usize];
            if at == NO_ROW {
                return None;
            }
        }
        (at != row).then_some(at)
    }

    /// Where shards of that many kept rows begin: row numbers, from 0 to the number of rows.
    #[must_use]
    pub fn shard_bounds(&self, rows_per_shard: usize) -> Vec<u32> {
        let mut bounds = vec![0];
        let mut kept = 0;
        for (row, &alive) in self.alive.iter().enumerate() {
            if alive {
                if kept == rows_per_shard {
                    bounds.push(row as u32);
                    kept = 0;
                }
                kept += 1;
            }
        }
        bounds.push(self.alive.len() as u32);
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(row: u32, kept_row: u32) -> Removed {
        Removed { row, reason: 0, kept_row: Some(kept_row), similarity: Some(1.0) }
    }

    #[test]
    fn a_row_goes_once_and_only_for_a_row_that_stands() {
        let mut ledger = Ledger::new(4);
        assert_eq!(ledger.remove(1, &[copy(1, 0)]), Ok(()));
        assert_eq!(ledger.removal(1), Some((1, copy(1, 0))));
        assert_eq!(ledger.removal(0), None);
        assert_eq!(ledger.remove(2, &[copy(0, 3)]), Ok(()));
        assert_eq!((ledger.final_kept_row(1), ledger.final_kept_row(3)), (Some(3), None));
        assert_eq!(ledger.remove(2, &[copy(1, 0)]), Err(LedgerError::RemovedBefore(1)));
        assert_eq!(ledger.remove(2, &[copy(9, 0)]), Err(LedgerError::NoSuchRow(9)));
        assert_eq!(
            ledger.remove(2, &[copy(2, 3), copy(3, 2)]),
            Err(LedgerError::KeeperNotKept { row: 2, kept_row: 3 })
        );
    }

    #[test]
    fn shards_hold_so_many_kept_rows() {
        let mut ledger = Ledger::new(6);
        assert_eq!(ledger.remove(0, &[copy(1, 0), copy(5, 0)]), Ok(()));
        assert_eq!(ledger.shard_bounds(2), [0, 3, 6]);
        assert_eq!(ledger.shard_bounds(100), [0, 6]);
        assert_eq!(Ledger::new(0).shard_bounds(5), [0, 0]);
    }
}
