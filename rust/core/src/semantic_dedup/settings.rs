//! What the user sets, and what can be wrong with it or with the vectors.

use crate::progress::Cancelled;

/// Whether pairs may be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Rows meet in clusters: about one pair in three hundred is not seen. Below [`Settings::EXACT_BELOW`] rows every
    /// pair is looked at, as in [`Mode::Exact`].
    #[default]
    Clustered,
    /// Every pair is looked at.
    Exact,
}

/// What counts as a duplicate and how pairs are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Cosine from which on two rows are duplicates, -1 to 1.
    pub threshold: f32,
    /// How far the cosine of these vectors may be from the one that counts, 0 to 2: pairs are judged from
    /// `threshold - margin` on.
    pub margin: f32,
    /// Whether pairs may be missed.
    pub mode: Mode,
    /// Clusters; 3.2 times the root of the number of rows, if none is given. At least 1; more than there are rows count
    /// as that many.
    pub clusters: Option<u32>,
    /// Clusters in which a row looks for others, its own among them: 1 to 64.
    pub probes: u32,
    /// Rows below which [`Mode::Clustered`] looks at every pair: that is faster there.
    pub exact_below: u32,
}

impl Settings {
    /// The default of [`Settings::exact_below`]: for so many vectors of 512 dimensions both take about as long.
    pub const EXACT_BELOW: u32 = 100_000;

    /// These thresholds, and the defaults for all else.
    #[must_use]
    pub fn new(threshold: f32, margin: f32) -> Self {
        let mode = Mode::default();
        Self { threshold, margin, mode, clusters: None, probes: 8, exact_below: Self::EXACT_BELOW }
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// [`SearchError::Setting`] for the first that does not.
    pub fn check(&self) -> Result<(), SearchError> {
        let error = |name, value: String, rule| Err(SearchError::Setting { name, value, rule });
        if !(-1.0..=1.0).contains(&self.threshold) {
            return error("threshold", self.threshold.to_string(), "it must be -1 to 1");
        }
        if !(0.0..=2.0).contains(&self.margin) {
            return error("margin", self.margin.to_string(), "it must be 0 to 2");
        }
        if self.clusters == Some(0) {
            return error("clusters", "0".into(), "there must be at least 1");
        }
        if !(1..=MOST_PROBES).contains(&self.probes) {
            return error("probes", self.probes.to_string(), "it must be 1 to 64");
        }
        Ok(())
    }

    /// The least cosine of a pair that is judged.
    pub(super) fn floor(&self) -> f32 {
        self.threshold - self.margin
    }

    /// Whether every pair of so many rows is looked at.
    #[must_use]
    pub fn is_exact(&self, rows: usize) -> bool {
        self.mode == Mode::Exact || rows < self.exact_below as usize
    }

    /// How many clusters there are for so many rows.
    #[must_use]
    pub fn clusters_for(&self, rows: usize) -> usize {
        let wanted = self.clusters.map_or((3.2 * (rows as f64).sqrt()) as usize, |clusters| clusters as usize);
        wanted.clamp(1, rows.max(1))
    }
}

/// The most clusters in which a row looks for others.
pub const MOST_PROBES: u32 = 64;

/// The longest vectors.
pub const MOST_DIMENSIONS: usize = 4096;

/// Why no search was made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SearchError {
    /// A setting makes no sense.
    #[error("{name} is {value}: {rule}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The values are no matrix of vectors.
    #[error("{values} values are no vectors of {dimensions} dimensions: 1 to 4096, and below 2^32 - 1 whole rows")]
    Shape {
        /// How many values there are.
        values: usize,
        /// The length of a vector.
        dimensions: usize,
    },
    /// A vector holds what is no number, or its norm is neither one nor zero.
    #[error("row {row} has the norm {norm}: vectors must be normalised to 1, within 0.0005, or be zero")]
    Norm {
        /// The row.
        row: u32,
        /// Its norm.
        norm: f64,
    },
    /// Candidates that cannot be: the later row must be in the block that is decided, and the other one before it.
    #[error("the pair of the rows {later} and {earlier} does not belong to the rows {first} to {end}")]
    Candidate {
        /// The row that is to be decided.
        later: u32,
        /// The row before it.
        earlier: u32,
        /// The first row of the block.
        first: u32,
        /// The row after the block.
        end: u32,
    },
    /// The computation was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
