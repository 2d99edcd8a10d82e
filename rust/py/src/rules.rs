//! The stage that judges rows by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array, StringArray, StructArray, UInt8Array, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use belle_core::rules::{COUNT, MEASURES, REASONS, Removal, RowMeasures, Rules as CoreRules, Span, Thresholds};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrow_data::{ArrowBatch, ArrowTurns, import, record_batch};
use crate::ledger::Ledger;
use crate::run::run;

/// The rules: scan every batch, then finish.
#[pyclass(module = "belle_data._native")]
pub struct Rules {
    rules: CoreRules,
    thresholds: Thresholds,
}

#[pymethods]
impl Rules {
    #[new]
    #[pyo3(signature = (**thresholds))]
    fn new(thresholds: Option<HashMap<String, Option<f64>>>) -> PyResult<Self> {
        Ok(Self { rules: CoreRules::new(), thresholds: thresholds_of(&thresholds.unwrap_or_default())? })
    }

    /// Name, reason and sign of comparison of every rule, in the order in which they are asked.
    #[staticmethod]
    fn measures() -> Vec<(&'static str, &'static str, &'static str)> {
        MEASURES.iter().map(|measure| (measure.name, REASONS[measure.reason as usize], measure.fires.sign())).collect()
    }

    /// Measures the rows of a batch, a table or a column of texts.
    #[pyo3(signature = (data, first_row=0))]
    fn scan(&mut self, py: Python<'_>, data: &Bound<'_, PyAny>, first_row: u32) -> PyResult<()> {
        let mut next = first_row;
        for chunk in import(data)? {
            let (turns, numbers, parts) = scanned(&chunk, &mut next)?;
            run(py, || self.rules.scan(turns.view(), &numbers, &parts))?;
        }
        Ok(())
    }

    /// The rows that go, of those that stand in the ledger (or all), with their reasons.
    #[pyo3(signature = (rows=None, ledger=None))]
    fn finish(
        &self,
        py: Python<'_>,
        rows: Option<Bound<'_, PyAny>>,
        ledger: Option<PyRef<'_, Ledger>>,
    ) -> PyResult<ArrowBatch> {
        drop(rows);
        let alive = ledger.as_deref().map(|ledger| ledger.0.alive());
        removals_batch(&run(py, || self.rules.finish(&self.thresholds, alive))?)
    }

    fn __len__(&self) -> usize {
        self.rules.len()
    }

    /// The values of the rows that were scanned `start`-th to before `end`-th.
    fn values(&self, py: Python<'_>, start: usize, end: usize) -> PyResult<ArrowBatch> {
        if start > end || end > self.rules.len() {
            let message = format!("no rows {start} to {end}; there are {}", self.rules.len());
            return Err(PyIndexError::new_err(message));
        }
        let numbers: ArrayRef = Arc::new(UInt32Array::from(self.rules.numbers(start..end).to_vec()));
        let columns: Vec<ArrayRef> = run(py, || {
            (0..COUNT).into_par_iter().map(|place| values_column(self.rules.values(place, start..end))).collect()
        })?;
        let names = MEASURES.iter().map(|measure| measure.name);
        record_batch([("row", numbers)].into_iter().chain(names.zip(columns)).collect())
    }

    /// The rows that go by values that `values` gave, with other thresholds.
    #[staticmethod]
    fn decide(values: &Bound<'_, PyAny>, thresholds: HashMap<String, Option<f64>>) -> PyResult<ArrowBatch> {
        let thresholds = thresholds_of(&thresholds)?;
        let mut removals = Vec::new();
        for chunk in import(values)? {
            removals.extend(decided(&chunk, &thresholds)?);
        }
        removals_batch(&removals)
    }

    /// What every rule says of the first row of the data: its value, the threshold, whether it fires, and where.
    fn findings(&self, data: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let chunk = import(data)?.into_iter().find(|chunk| !chunk.is_empty());
        let chunk = chunk.ok_or_else(|| PyValueError::new_err("there is no row"))?;
        let (turns, _, parts) = scanned(&chunk, &mut 0)?;
        let mut measures = RowMeasures::default();
        measures.explains = true;
        measures.measure(turns.view(), 0, parts.first().copied().unwrap_or(0));
        findings_batch(&measures, &self.thresholds)
    }
}

fn thresholds_of(named: &HashMap<String, Option<f64>>) -> PyResult<Thresholds> {
    let mut thresholds = Thresholds::default();
    for (name, &threshold) in named {
        thresholds.set(name, threshold).map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(thresholds)
}

/// Turns, row numbers and parts that are no text; numbers go on from `next` where there is no column `row`.
fn scanned(chunk: &ArrayRef, next: &mut u32) -> PyResult<(ArrowTurns, ScalarBuffer<u32>, ScalarBuffer<u16>)> {
    let turns = ArrowTurns::of(chunk)?;
    let rows = turns.view().rows() as u32;
    let numbers = turns.numbers.clone().unwrap_or_else(|| (*next..next.saturating_add(rows)).collect());
    *next = next.saturating_add(rows);
    let column = chunk.as_struct_opt().and_then(|columns| columns.column_by_name("non_text_parts"));
    let parts = match column {
        None => ScalarBuffer::from(Vec::new()),
        Some(parts) => parts
            .as_primitive_opt::<UInt16Type>()
            .ok_or_else(|| PyValueError::new_err(format!("`non_text_parts` is {}, not uint16", parts.data_type())))?
            .values()
            .clone(),
    };
    Ok((turns, numbers, parts))
}

fn removals_batch(removals: &[Removal]) -> PyResult<ArrowBatch> {
    record_batch(vec![
        ("row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|removal| removal.row)))),
        ("reason", Arc::new(UInt8Array::from_iter_values(removals.iter().map(|removal| removal.reason)))),
    ])
}

fn values_column(values: Vec<f32>) -> ArrayRef {
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |at| !values[at].is_nan()));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    Arc::new(Float32Array::new(values.into(), nulls))
}

fn decided(chunk: &ArrayRef, thresholds: &Thresholds) -> PyResult<Vec<Removal>> {
    let wrong =
        |name: &str| PyValueError::new_err(format!("the values have no column `{name}`, or one of another type"));
    let table: &StructArray = chunk.as_struct_opt().ok_or_else(|| wrong("row"))?;
    let rows = table.column_by_name("row").and_then(|rows| rows.as_primitive_opt::<UInt32Type>());
    let rows = rows.ok_or_else(|| wrong("row"))?;
    let mut columns: Vec<Option<&Float32Array>> = vec![None; COUNT];
    for (place, measure) in MEASURES.iter().enumerate().filter(|&(place, _)| thresholds.0[place].is_some()) {
        let column = table.column_by_name(measure.name).and_then(|column| column.as_primitive_opt::<Float32Type>());
        columns[place] = Some(column.ok_or_else(|| wrong(measure.name))?);
    }
    let value = |place: usize, at: usize| {
        columns[place].filter(|column| column.is_valid(at)).map_or(f32::NAN, |column| column.value(at))
    };
    let decide = |at: usize| {
        let fired = thresholds.first_fired(|place| value(place, at))?;
        Some(Removal { row: rows.value(at), reason: MEASURES[fired].reason })
    };
    Ok((0..rows.len()).filter_map(decide).collect())
}

fn findings_batch(measures: &RowMeasures, thresholds: &Thresholds) -> PyResult<ArrowBatch> {
    let places = || (0..COUNT).map(|place| (place, &MEASURES[place]));
    let fired = |place: usize| {
        thresholds.0[place].is_some_and(|threshold| MEASURES[place].fires.holds(measures.values[place], threshold))
    };
    let spans = |part: fn(Span) -> u32| -> ArrayRef {
        Arc::new(measures.spans.iter().map(|span| span.map(part)).collect::<UInt32Array>())
    };
    record_batch(vec![
        ("rule", Arc::new(places().map(|(_, measure)| Some(measure.name)).collect::<StringArray>())),
        ("reason", Arc::new(places().map(|(_, one)| Some(REASONS[one.reason as usize])).collect::<StringArray>())),
        ("value", values_column(measures.values.to_vec())),
        ("comparison", Arc::new(places().map(|(_, measure)| Some(measure.fires.sign())).collect::<StringArray>())),
        ("threshold", Arc::new(thresholds.0.iter().copied().collect::<Float32Array>())),
        ("fired", Arc::new(places().map(|(place, _)| Some(fired(place))).collect::<BooleanArray>())),
        ("turn", spans(|span| span.turn)),
        ("start", spans(|span| span.start)),
        ("end", spans(|span| span.end)),
    ])
}
