//! Vectors of texts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{FixedSizeListArray, Float32Array, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use belle_core::embed::weights::Values;
use belle_core::embed::{Array, Buffers, DIMENSIONS, Encoder, Precision};
use belle_core::progress::{Cancelled, Progress};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};
use rayon::ThreadPoolBuilder;

use crate::arrow_data::{ArrowBatch, arrow_error, import, record_batch, texts_of};
use crate::run::{run, run_long};

/// The multilingual Universal Sentence Encoder.
#[pyclass(frozen, weakref, module = "belle_data._native")]
pub struct UniversalSentenceEncoder(pub Encoder);

#[pymethods]
impl UniversalSentenceEncoder {
    #[new]
    #[pyo3(signature = (sp_model, weights, table_bytes=Encoder::TABLE_BYTES))]
    fn new(
        py: Python<'_>,
        sp_model: &[u8],
        weights: HashMap<String, Bound<'_, PyAny>>,
        table_bytes: usize,
    ) -> PyResult<Self> {
        let named = |(name, array): (String, Bound<'_, PyAny>)| Ok((name, array_of(&array)?));
        let weights = weights.into_iter().map(named).collect::<PyResult<HashMap<_, _>>>()?;
        let encoder = run(py, || Encoder::new(sp_model, &weights, table_bytes))?;
        encoder.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The vectors of texts, a column `vector`.
    #[pyo3(signature = (texts, precision="int8", threads=0))]
    fn embed(&self, py: Python<'_>, texts: &Bound<'_, PyAny>, precision: &str, threads: usize) -> PyResult<ArrowBatch> {
        let precision = Precision::from_name(precision)
            .ok_or_else(|| PyValueError::new_err(format!("unknown precision {precision:?}: float32 or int8")))?;
        let arrays = import(texts)?;
        let texts = texts_of(&arrays, "there is no vector for it")?;
        let mut vectors = vec![0.0; texts.len() * DIMENSIONS];
        let progress = Progress::default();
        let embed = || self.0.embed(&texts, precision, &progress, &mut vectors);
        run_long(py, &progress, || with_threads(threads, embed))??;
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values = Arc::new(Float32Array::from(vectors));
        let column = FixedSizeListArray::try_new(item, DIMENSIONS as i32, values, None).map_err(arrow_error)?;
        record_batch(vec![("vector", Arc::new(column))])
    }

    /// The ids of the pieces of texts, a column `pieces`.
    fn pieces(&self, py: Python<'_>, texts: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let arrays = import(texts)?;
        let texts = texts_of(&arrays, "it has no pieces")?;
        let progress = Progress::default();
        let (ids, lens) = run_long(py, &progress, || {
            let (mut ids, mut lens, mut buffers) = (Vec::new(), Vec::with_capacity(texts.len()), Buffers::default());
            for text in &texts {
                progress.check()?;
                let first = ids.len();
                self.0.pieces(text, &mut buffers, &mut ids);
                lens.push(ids.len() - first);
            }
            Ok((ids, lens))
        })?;
        if ids.len() > i32::MAX as usize {
            return Err(PyValueError::new_err("more than 2,147,483,647 pieces: pass fewer texts at once"));
        }
        let item = Arc::new(Field::new("item", DataType::UInt32, false));
        let values = Arc::new(UInt32Array::from(ids));
        let column = ListArray::try_new(item, OffsetBuffer::from_lengths(lens), values, None).map_err(arrow_error)?;
        record_batch(vec![("pieces", Arc::new(column))])
    }
}

/// Runs `work` on so many threads of its own, or on the current ones with 0.
fn with_threads(
    threads: usize,
    work: impl FnOnce() -> Result<(), Cancelled> + Send,
) -> Result<PyResult<()>, Cancelled> {
    if threads == 0 {
        return work().map(Ok);
    }
    match ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work).map(Ok),
        Err(error) => Ok(Err(PyRuntimeError::new_err(format!("cannot start {threads} threads: {error}")))),
    }
}

/// An object with the buffer protocol, such as an array of numpy.
fn array_of(object: &Bound<'_, PyAny>) -> PyResult<Array> {
    // Not `PyBuffer`: it refuses arrays without a dimension.
    let view = PyMemoryView::from(object)?;
    let format: String = view.getattr("format")?.extract()?;
    let bytes = view.call_method0("tobytes")?.cast_into::<PyBytes>()?;
    let bytes = bytes.as_bytes();
    let values = match &format[..] {
        "f" => Values::F32(bytes.as_chunks().0.iter().copied().map(f32::from_ne_bytes).collect()),
        "d" => Values::F32(bytes.as_chunks().0.iter().map(|&bytes| f64::from_ne_bytes(bytes) as f32).collect()),
        "B" => Values::U8(bytes.to_vec()),
        other => Values::Other(format!("numbers of the format {other:?}")),
    };
    Ok(Array { shape: view.getattr("shape")?.extract()?, values })
}
