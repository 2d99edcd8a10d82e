//! The duplicate stages.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, Float64Array, PrimitiveArray, StructArray, UInt16Array, UInt32Array};
use belle_core::batch::Rows;
use belle_core::exact_dedup::ExactDedup as CoreExactDedup;
use belle_core::near_dedup::shingle::ShingleSize;
use belle_core::near_dedup::{self, Decided, NearDedup as CoreNearDedup, Parameters, Removal};
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
    record_batch(removal_columns(removals))
}

fn removal_columns(removals: &[Removal]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|removal| removal.row)))),
        ("kept_row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|removal| removal.kept_row)))),
        ("similarity", Arc::new(Float64Array::from_iter_values(removals.iter().map(|removal| removal.similarity)))),
    ]
}

fn decided_batches(decided: &Decided) -> PyResult<(ArrowBatch, ArrowBatch, ArrowBatch)> {
    let numbers = |of: fn(&(u32, u32)) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(decided.components.iter().map(of)))
    };
    let components = record_batch(vec![("row", numbers(|pair| pair.0)), ("component", numbers(|pair| pair.1))])?;
    Ok((near_removals_batch(&decided.removals)?, near_removals_batch(&decided.near_misses)?, components))
}

fn near_removals_batch(removals: &[Removal]) -> PyResult<ArrowBatch> {
    let lanes = UInt16Array::from_iter_values(removals.iter().map(|removal| removal.equal_lanes));
    let mut columns = removal_columns(removals);
    columns.push(("equal_lanes", Arc::new(lanes)));
    record_batch(columns)
}

fn column<T: ArrowPrimitiveType>(batch: &StructArray, name: &str) -> PyResult<PrimitiveArray<T>> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    let column = column.filter(|column| column.null_count() == 0);
    column
        .cloned()
        .ok_or_else(|| PyValueError::new_err(format!("no column `{name}` of {} without nulls", T::DATA_TYPE)))
}

fn batches(data: &Bound<'_, PyAny>) -> PyResult<Vec<StructArray>> {
    let not_a_batch = || PyValueError::new_err("what was decided before must be record batches");
    import(data)?.iter().map(|array| array.as_struct_opt().cloned().ok_or_else(not_a_batch)).collect()
}

fn removals_of(data: &Bound<'_, PyAny>) -> PyResult<Vec<Removal>> {
    let mut removals = Vec::new();
    for batch in batches(data)? {
        let rows = column::<UInt32Type>(&batch, "row")?;
        let kept_rows = column::<UInt32Type>(&batch, "kept_row")?;
        let similarities = column::<Float64Type>(&batch, "similarity")?;
        let lanes = column::<UInt16Type>(&batch, "equal_lanes")?;
        removals.extend((0..batch.len()).map(|at| Removal {
            row: rows.value(at),
            kept_row: kept_rows.value(at),
            similarity: similarities.value(at),
            equal_lanes: lanes.value(at),
        }));
    }
    Ok(removals)
}

fn components_of(data: &Bound<'_, PyAny>) -> PyResult<Vec<(u32, u32)>> {
    let mut components = Vec::new();
    for batch in batches(data)? {
        let rows = column::<UInt32Type>(&batch, "row")?;
        let numbers = column::<UInt32Type>(&batch, "component")?;
        components.extend((0..batch.len()).map(|at| (rows.value(at), numbers.value(at))));
    }
    if !components.is_sorted_by_key(|&(row, _)| row) {
        return Err(PyValueError::new_err("the rows of components must be in order"));
    }
    Ok(components)
}

/// Calls `decide` with the rows behind a Python object and with the rows that still stand.
pub fn with_rows<T>(
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

    /// Decides over the rows that stand in the ledger, or all.
    ///
    /// Gives the removed rows, with the row kept for each; the pairs that came nearest to the threshold and stayed,
    /// in the same columns; and the rows of the components in which a row goes.
    #[pyo3(signature = (rows, ledger=None))]
    fn finish(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
    ) -> PyResult<(ArrowBatch, ArrowBatch, ArrowBatch)> {
        let decided = with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &self.progress, || self.stage.finish(rows, alive, &self.progress))
        })?;
        decided_batches(&decided)
    }

    /// Decides as `finish` would after a scan of all rows, from what `finish` gave at a lower threshold.
    fn raise_threshold(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        removals: &Bound<'_, PyAny>,
        components: &Bound<'_, PyAny>,
    ) -> PyResult<(ArrowBatch, ArrowBatch, ArrowBatch)> {
        let before = Decided {
            removals: removals_of(removals)?,
            near_misses: Vec::new(),
            components: components_of(components)?,
        };
        let (stage, progress) = (&self.stage, &self.progress);
        let decided = with_rows(rows, None, |rows, _| {
            let last = before.removals.iter().map(|removal| removal.row.max(removal.kept_row)).max();
            let last = last.max(before.components.last().map(|&(row, _)| row));
            if last.is_some_and(|row| row as usize >= rows.len()) {
                return Err(PyValueError::new_err("the decision before is not over these rows"));
            }
            run_long(py, progress, || stage.raise(&before, rows, progress))
        })?;
        decided_batches(&decided)
    }

    /// Steps of `finish` that are done, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}
