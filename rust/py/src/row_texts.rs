//! Texts and languages of rows, for stages that are written in Python.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{LargeStringArray, UInt8Array, UInt32Array};
use belle_core::batch::RowScratch;
use belle_core::compared_texts::ComparedField;
use belle_core::languages::{Language, languages_of_rows};
use belle_core::progress::Progress;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, import, record_batch};
use crate::ledger::Ledger;
use crate::run::run_long;
use crate::stages::with_rows;

/// Names of the languages that `row_languages` tells apart, each at its number.
#[pyfunction]
pub fn language_names() -> Vec<&'static str> {
    Language::NAMES.to_vec()
}

/// The rows that stand, `row`, and the number of each one's `language`.
#[pyfunction]
pub fn row_languages(
    py: Python<'_>,
    rows: &Bound<'_, PyAny>,
    ledger: Option<PyRef<'_, Ledger>>,
) -> PyResult<ArrowBatch> {
    let progress = Progress::default();
    let found = with_rows(rows, ledger.as_deref(), |rows, alive| {
        run_long(py, &progress, || languages_of_rows(rows, alive, &progress))
    })?;
    record_batch(vec![
        ("row", Arc::new(UInt32Array::from_iter_values(found.iter().map(|one| one.0)))),
        ("language", Arc::new(UInt8Array::from_iter_values(found.iter().map(|one| one.1 as u8)))),
    ])
}

/// `prompt` and `output` of rows, given their numbers.
#[pyfunction]
pub fn row_texts(py: Python<'_>, rows: &Bound<'_, PyAny>, numbers: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
    let mut wanted: Vec<u32> = Vec::new();
    for array in import(numbers)? {
        let Some(values) = array.as_primitive_opt::<UInt32Type>() else {
            return Err(PyTypeError::new_err(format!("row numbers are uint32, not {}", array.data_type())));
        };
        wanted.extend_from_slice(values.values());
    }
    let progress = Progress::default();
    with_rows(rows, None, |rows, _| {
        if let Some(wrong) = wanted.iter().find(|&&row| row as usize >= rows.len()) {
            return Err(PyValueError::new_err(format!("no row {wrong}: there are {}", rows.len())));
        }
        let columns = run_long(py, &progress, || {
            let (mut scratch, mut bytes) = (RowScratch::default(), Vec::new());
            let mut columns = [Vec::new(), Vec::new()];
            for &row in &wanted {
                progress.check()?;
                let (turns, at) = rows.read(row, &mut scratch);
                for (column, field) in columns.iter_mut().zip([ComparedField::Prompt, ComparedField::Output]) {
                    bytes.clear();
                    field.append(turns, at, &mut bytes);
                    column.push(String::from_utf8_lossy(&bytes).into_owned());
                }
            }
            Ok(columns)
        })?;
        let [prompts, outputs] = columns.map(|column| Arc::new(LargeStringArray::from_iter_values(column)));
        record_batch(vec![("prompt", prompts), ("output", outputs)])
    })
}
