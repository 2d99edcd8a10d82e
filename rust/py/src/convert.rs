//! Lines in another format, and lines whose keys have names of their own.

use belle_core::read::{self, ConvertOptions};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow_data::ArrowBatch;
use crate::corpus::{Lent, format_of, rejected_batch};
use crate::run::run;

/// Which names in a data set stand for which of its format.
#[pyclass(module = "belle_data._native", frozen)]
pub struct Names(read::Names);

#[pymethods]
impl Names {
    #[new]
    fn new(
        keys: read::NamePairs,
        list: Option<String>,
        item_keys: read::NamePairs,
        speaker: Option<String>,
        speakers: read::NamePairs,
    ) -> Self {
        Self(read::Names { keys, list, item_keys, speaker, speakers })
    }

    /// Whether every name is the format's own.
    fn is_standard(&self) -> bool {
        self.0.is_standard()
    }

    /// Whole lines with the names of their format.
    fn rename_lines<'py>(&self, py: Python<'py>, lines: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let renamed = run(py, || read::rename_lines(lines, &self.0))?;
        Ok(PyBytes::new(py, &renamed))
    }
}

/// Looks for keys of rows in written lines.
#[pyclass(module = "belle_data._native")]
pub struct KeySearch(read::KeySearch);

#[pymethods]
impl KeySearch {
    #[new]
    fn new(names: Vec<String>) -> Self {
        Self(read::KeySearch::new(&names))
    }

    /// Looks at a buffer of whole lines.
    fn look(&mut self, py: Python<'_>, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        let buffer = PyUntypedBuffer::get(lines)?;
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("lines must be one contiguous buffer"));
        }
        let bytes: &[u8] = match buffer.len_bytes() {
            0 => &[],
            // SAFETY: the buffer is contiguous and held meanwhile; the writer that calls owns what is in it, so no
            // other thread writes to it.
            length => unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast(), length) },
        };
        py.detach(|| self.0.look(bytes));
        Ok(())
    }

    /// The keys that some row has, in the order in which they were given.
    fn seen(&self) -> Vec<String> {
        self.0.seen().map(str::to_owned).collect()
    }
}

/// What `convert_lines` gives: the next start, lines, rows, the written rows, the rejected lines (None without one).
type Converted<'py> = (u64, u64, u64, Bound<'py, PyBytes>, Option<ArrowBatch>);

/// Converts whole lines of a buffer from byte `start` on.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
#[pyo3(signature = (buffer, start, size, lines_before, source, to, *, lossless, max_line_bytes, names=None))]
pub fn convert_lines<'py>(
    py: Python<'py>,
    buffer: &Bound<'py, PyAny>,
    start: u64,
    size: usize,
    lines_before: u64,
    source: &str,
    to: &str,
    lossless: bool,
    max_line_bytes: usize,
    names: Option<&Names>,
) -> PyResult<Converted<'py>> {
    let lent = Lent::new(buffer)?;
    let names = names.map(|names| names.0.clone());
    let options = ConvertOptions { from: format_of(source)?, to: format_of(to)?, lossless, max_line_bytes, names };
    let done = run(py, || read::convert_chunk(lent.as_ref(), start, size, lines_before, &options))?;
    let rejected = if done.rejected.is_empty() { None } else { Some(rejected_batch(&done.rejected)?) };
    Ok((done.end, done.lines, done.rows, PyBytes::new(py, &done.out), rejected))
}
