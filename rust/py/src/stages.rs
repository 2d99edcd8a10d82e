//! The duplicate stages.

use std::sync::Arc;

use arrow_array::{Float64Array, UInt32Array};
use belle_core::batch::Rows;
use belle_core::exact_dedup::ExactDedup as CoreExactDedup;
use belle_core::near_dedup::shingle::ShingleSize;
use belle_core::near_dedup::{self, NearDedup as CoreNearDedup, Parameters, Removal};
use belle_core::progress::Progress;
use belle_core::text::{Field, Fold};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, ArrowRows, ArrowTurns, import, record_batch};
use crate::corpus::Corpus;
use crate::ledger::Ledger;
use crate::run::{run, run_long};

/// The probability that a pair of a similarity shares a band.
#[pyfunction]
pub fn candidate_probability(similarity: f64, bands: usize, rows_per_band: usize) -> f64 {
    near_dedup::candidate_probability(similarity, bands, rows_per_band)
}

fn field_of(name: &str) -> PyResult<Field> {
    Field::from_name(name).ok_or_else(|| PyValueError::new_err(format!("unknown field {name:?}")))
}

fn fold_of(names: &[String]) -> PyResult<Fold> {
    let mut fold = Fold::default();
    for name in names {
        match name.as_str() {
            "composition" => fold.composition = true,
            "width" => fold.width = true,
            "case" => fold.case = true,
            "punctuation" => fold.punctuation = true,
            "space" => fold.space = true,
            other => return Err(PyValueError::new_err(format!("unknown fold {other:?}"))),
        }
    }
    Ok(fold)
}

/// Turns and row numbers of Arrow data; without a column `row` the numbers go on from `first_row`.
fn scanned(data: &Bound<'_, PyAny>, first_row: u32) -> PyResult<Vec<(ArrowTurns, Vec<u32>)>> {
    let mut next = first_row;
    let numbered = |array| {
        let turns = ArrowTurns::of(array)?;
        let rows = turns.view().rows() as u32;
        let numbers = match &turns.numbers {
            Some(numbers) => numbers.to_vec(),
            None => (next..next + rows).collect(),
        };
        next += rows;
        Ok((turns, numbers))
    };
    import(data)?.iter().map(numbered).collect()
}

fn removals_batch(removals: &[Removal]) -> PyResult<ArrowBatch> {
    record_batch(vec![
        ("row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|removal| removal.row)))),
        ("kept_row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|removal| removal.kept_row)))),
        ("similarity", Arc::new(Float64Array::from_iter_values(removals.iter().map(|removal| removal.similarity)))),
    ])
}

/// Calls `decide` with the rows behind a Python object and with the rows that still stand.
fn with_rows<T>(
    rows: &Bound<'_, PyAny>,
    ledger: Option<&Ledger>,
    decide: impl FnOnce(&dyn Rows, Option<&[bool]>) -> PyResult<T>,
) -> PyResult<T> {
    let checked = |rows: &dyn Rows| match ledger.map(|ledger| ledger.0.alive()) {
        Some(alive) if alive.len() != rows.len() => {
            Err(PyValueError::new_err(format!("a ledger of {} rows for {} rows", alive.len(), rows.len())))
        }
        alive => decide(rows, alive),
    };
    if let Ok(corpus) = rows.cast::<Corpus>() {
        checked(&corpus.borrow().0)
    } else if let Ok(rows) = rows.cast::<ArrowRows>() {
        checked(rows.get())
    } else {
        Err(PyTypeError::new_err(format!("{} holds no rows: a Corpus or ArrowRows", rows.get_type().name()?)))
    }
}

/// Exact duplicates: scan every batch, then finish.
#[pyclass(module = "belle_data._native")]
pub struct ExactDedup {
    stage: CoreExactDedup,
    progress: Arc<Progress>,
}

#[pymethods]
impl ExactDedup {
    #[new]
    fn new(field: &str, fold: Vec<String>) -> PyResult<Self> {
        Ok(Self { stage: CoreExactDedup::new(field_of(field)?, fold_of(&fold)?), progress: Arc::default() })
    }

    /// Remembers the rows of a batch, a table or a column of texts.
    #[pyo3(signature = (data, first_row=0))]
    fn scan(&mut self, py: Python<'_>, data: &Bound<'_, PyAny>, first_row: u32) -> PyResult<()> {
        for (turns, numbers) in scanned(data, first_row)? {
            run(py, || self.stage.scan(turns.view(), &numbers))?;
        }
        Ok(())
    }

    /// Decides over the rows that stand in the ledger, or all. The removed rows, with the row kept for each.
    #[pyo3(signature = (rows, ledger=None))]
    fn finish(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
    ) -> PyResult<ArrowBatch> {
        let removals = with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &self.progress, || self.stage.finish(rows, alive, &self.progress))
        })?;
        removals_batch(&removals)
    }

    /// Steps of `finish` that are done, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}

/// Near duplicates: scan every batch, then finish.
#[pyclass(module = "belle_data._native")]
pub struct NearDedup {
    stage: CoreNearDedup,
    progress: Arc<Progress>,
}

#[pymethods]
impl NearDedup {
    #[new]
    #[pyo3(signature = (*, field, fold, shingle_characters, shingle_words, threshold, permutations, bands, rows_per_band, seed, exact=false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python, one for each setting")]
    fn new(
        field: &str,
        fold: Vec<String>,
        shingle_characters: usize,
        shingle_words: usize,
        threshold: f64,
        permutations: usize,
        bands: usize,
        rows_per_band: usize,
        seed: u64,
        exact: bool,
    ) -> PyResult<Self> {
        let parameters = Parameters {
            field: field_of(field)?,
            fold: fold_of(&fold)?,
            shingle: ShingleSize { characters: shingle_characters, words: shingle_words },
            threshold,
            permutations,
            bands,
            rows_per_band,
            seed,
            exact,
        };
        parameters.check().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { stage: CoreNearDedup::new(parameters), progress: Arc::default() })
    }

    /// Signs the rows of a batch, a table or a column of texts.
    #[pyo3(signature = (data, first_row=0))]
    fn scan(&mut self, py: Python<'_>, data: &Bound<'_, PyAny>, first_row: u32) -> PyResult<()> {
        for (turns, numbers) in scanned(data, first_row)? {
            run(py, || self.stage.scan(turns.view(), &numbers))?;
        }
        Ok(())
    }

    /// Decides over the rows that stand in the ledger, or all. The removed rows, with the row kept for each.
    #[pyo3(signature = (rows, ledger=None))]
    fn finish(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
    ) -> PyResult<ArrowBatch> {
        let removals = with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &self.progress, || self.stage.finish(rows, alive, &self.progress))
        })?;
        removals_batch(&removals)
    }

    /// Steps of `finish` that are done, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}
