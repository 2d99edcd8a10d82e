//! Ids of texts by a vocabulary.

use std::sync::Arc;

use arrow_array::{Int32Array, ListArray, StringArray, UInt32Array, UInt64Array};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, Field};
use belle_core::progress::Progress;
use belle_core::vocab;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

use crate::arrow_data::{arrow_error, import, pyarrow_array, texts_of};
use crate::run::{run, run_long};

/// The lines of the bytes of a block from `start` to `end`, and how many characters they have; None if a line is no UTF-8,
/// or has more than `longest` bytes.
#[pyfunction]
pub fn cut_lines<'py>(
    py: Python<'py>,
    data: &[u8],
    start: usize,
    end: usize,
    longest: usize,
) -> PyResult<Option<(Bound<'py, PyAny>, usize)>> {
    let block = data.get(start..end).ok_or_else(|| PyIndexError::new_err("no such bytes"))?;
    let Some(lines) = run(py, || vocab::Lines::of(block, longest))? else { return Ok(None) };
    let offsets = OffsetBuffer::new(lines.offsets.into());
    // SAFETY: the text is UTF-8, and offsets lie where lines start and end.
    let texts = unsafe { StringArray::new_unchecked(offsets, Buffer::from(lines.text.into_bytes()), None) };
    Ok(Some((pyarrow_array(py, Arc::new(texts))?, lines.characters)))
}

/// Why no text may be null.
const LACK: &str = "it has no tokens, not even none";

/// A sentencepiece model of the kind BPE.
#[pyclass(frozen, module = "belle_data._native")]
pub struct BytePairEncoder(vocab::BytePairEncoder);

#[pymethods]
impl BytePairEncoder {
    #[new]
    fn new(py: Python<'_>, model: &[u8]) -> PyResult<Self> {
        let encoder = run(py, || vocab::BytePairEncoder::new(model))?;
        encoder.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The number of pieces.
    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }

    /// The ids of texts.
    fn encode<'py>(&self, py: Python<'py>, texts: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let arrays = import(texts)?;
        let texts = texts_of(&arrays, LACK)?;
        let progress = Progress::default();
        let encoded = run_long(py, &progress, || self.0.encode(&texts, &progress))?
            .ok_or_else(|| PyValueError::new_err("more than 2,147,483,647 tokens: pass fewer texts at once"))?;
        let item = Arc::new(Field::new("item", DataType::Int32, false));
        let offsets = OffsetBuffer::from_lengths(encoded.counts.iter().map(|&count| count as usize));
        let lists = ListArray::try_new(item, offsets, Arc::new(Int32Array::from(encoded.ids)), None);
        pyarrow_array(py, Arc::new(lists.map_err(arrow_error)?))
    }

    /// How many ids each text has.
    fn count<'py>(&self, py: Python<'py>, texts: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let arrays = import(texts)?;
        let texts = texts_of(&arrays, LACK)?;
        let progress = Progress::default();
        let counts = run_long(py, &progress, || self.0.count(&texts, &progress))?;
        pyarrow_array(py, Arc::new(UInt32Array::from(counts)))
    }

    /// How many ids each text has, and how often each id is in all of them.
    fn histogram<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let arrays = import(texts)?;
        let texts = texts_of(&arrays, LACK)?;
        let progress = Progress::default();
        let (counts, ids) = run_long(py, &progress, || self.0.histogram(&texts, &progress))?;
        let counts = pyarrow_array(py, Arc::new(UInt32Array::from(counts)))?;
        Ok((counts, pyarrow_array(py, Arc::new(UInt64Array::from(ids)))?))
    }
}
