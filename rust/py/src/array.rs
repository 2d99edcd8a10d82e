//! JSON arrays to lines.

use belle_core::read::{self, SplitError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Cuts the bytes of a JSON array into its elements, each written as one line.
#[pyclass(module = "belle_data._native")]
pub struct ArraySplitter {
    splitter: read::ArraySplitter,
    places: Vec<(u64, u64)>,
}

#[pymethods]
impl ArraySplitter {
    #[new]
    fn new() -> Self {
        Self { splitter: read::ArraySplitter::new(), places: Vec::new() }
    }

    /// Takes the next bytes of the array; gives the lines that they complete, each with its line feed.
    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut lines = Vec::new();
        py.detach(|| self.splitter.feed(data, &mut lines, &mut self.places)).map_err(|error| split_error(py, error))?;
        Ok(PyBytes::new(py, &lines))
    }

    /// Says that the array has no more bytes.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.splitter.finish().map_err(|error| split_error(py, error))
    }

    /// Byte offsets and line numbers of all elements so far, each as little-endian uint64.
    fn positions<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, Bound<'py, PyBytes>) {
        let bytes: Vec<u8> = self.places.iter().flat_map(|place| place.0.to_le_bytes()).collect();
        let lines: Vec<u8> = self.places.iter().flat_map(|place| place.1.to_le_bytes()).collect();
        (PyBytes::new(py, &bytes), PyBytes::new(py, &lines))
    }
}

fn split_error(py: Python<'_>, error: SplitError) -> PyErr {
    let message = error.to_string();
    let raised = PyValueError::new_err(message.clone());
    let value = raised.value(py);
    let described = value
        .setattr("message", message)
        .and_then(|()| value.setattr("byte", error.byte))
        .and_then(|()| value.setattr("line", error.line));
    described.err().unwrap_or(raised)
}
