//! Signatures of the Python package `datasketch`.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, UInt32Array, UInt64Array};
use arrow_schema::Field;
use belle_core::near_dedup::datasketch::{Scheme, Signer, Values};
use belle_core::near_dedup::shingle::ShingleSize;
use belle_core::progress::Progress;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, ArrowTurns, arrow_error, import, record_batch};
use crate::run::run_long;

/// The values of `datasketch.MinHash` of every row, in a column `hashvalues` of lists as long as `factors`.
#[pyfunction]
#[pyo3(signature = (data, *, scheme, factors, terms, shingle_characters, shingle_words))]
pub fn datasketch_minhashes(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    scheme: &str,
    factors: Vec<u64>,
    terms: Vec<u64>,
    shingle_characters: usize,
    shingle_words: usize,
) -> PyResult<ArrowBatch> {
    let scheme =
        Scheme::from_name(scheme).ok_or_else(|| PyValueError::new_err(format!("unknown scheme {scheme:?}")))?;
    let permutations = factors.len() as i32;
    let shingle = ShingleSize { characters: shingle_characters, words: shingle_words };
    let signer =
        Signer::new(scheme, factors, terms, shingle).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let turns = import(data)?.iter().map(ArrowTurns::of).collect::<PyResult<Vec<_>>>()?;
    let progress = Progress::default();
    let chunks: Vec<_> = turns.iter().map(ArrowTurns::view).collect();
    let values = run_long(py, &progress, || signer.sign(&chunks, &progress))?;
    let values: ArrayRef = match values {
        Values::Narrow(values) => Arc::new(UInt32Array::from(values)),
        Values::Wide(values) => Arc::new(UInt64Array::from(values)),
    };
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    let lists = FixedSizeListArray::try_new(item, permutations, values, None).map_err(arrow_error)?;
    record_batch(vec![("hashvalues", Arc::new(lists))])
}
