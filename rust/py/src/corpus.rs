//! The corpus of a run: sources that Python mapped, rows that the core read.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array};
use belle_core::batch::Rows;
use belle_core::corpus::{Apply, Chunk, Corpus as CoreCorpus, Positions};
use belle_core::read::{self, Format, Rejected};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyIndexError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use crate::arrow_data::{ArrowBatch, record_batch, strings, turns_array};
use crate::ledger::Ledger;
use crate::normalise::Normalise;
use crate::run::run;

/// A buffer that a Python object lends; the object cannot change its size while this lives.
pub struct Lent(PyUntypedBuffer);

impl Lent {
    pub fn new(buffer: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(buffer)?;
        if buffer.is_c_contiguous() && buffer.readonly() {
            Ok(Self(buffer))
        } else {
            Err(PyBufferError::new_err("a source must be one contiguous read-only buffer: bytes, or a mapped file"))
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        if self.0.len_bytes() == 0 {
            return &[];
        }
        // SAFETY: the buffer is contiguous, lives as long as `self`, and is read-only for Python.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast(), self.0.len_bytes()) }
    }
}

pub fn format_of(name: &str) -> PyResult<Format> {
    Format::from_name(name).ok_or_else(|| PyValueError::new_err(format!("unknown format {name:?}")))
}

/// The format of complete lines of JSON, or None if no line tells.
#[pyfunction]
pub fn detect_format(sample: &[u8]) -> Option<&'static str> {
    read::detect_format(sample).map(Format::name)
}

/// Sources and the index of the rows that were read from them.
#[pyclass(module = "belle_data._native")]
pub struct Corpus(pub CoreCorpus);

#[pymethods]
impl Corpus {
    /// Without `normalise` the turns are as they came; with it `apply` says whether the lines change too.
    #[new]
    #[pyo3(signature = (normalise=None, apply="comparison"))]
    fn new(normalise: Option<PyRef<'_, Normalise>>, apply: &str) -> PyResult<Self> {
        let apply = match apply {
            "comparison" => Apply::Comparison,
            "text" => Apply::Text,
            _ => return Err(PyValueError::new_err(format!("unknown use {apply:?}: comparison or text"))),
        };
        Ok(Self(normalise.map_or_else(CoreCorpus::new, |one| CoreCorpus::normalised(one.0.clone(), apply))))
    }

    /// Adds a buffer of lines in a format and returns the source's number.
    ///
    /// `positions` are two buffers of little-endian uint64: byte and line of each line in the file it was decoded from.
    #[pyo3(signature = (buffer, format, positions=None))]
    fn add_source(
        &mut self,
        buffer: &Bound<'_, PyAny>,
        format: &str,
        positions: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<usize> {
        let numbers =
            |bytes: Vec<u8>| bytes.as_chunks::<8>().0.iter().map(|&number| u64::from_le_bytes(number)).collect();
        let positions = positions.map(|(bytes, lines)| Positions { bytes: numbers(bytes), lines: numbers(lines) });
        Ok(self.0.add_source(Box::new(Lent::new(buffer)?), format_of(format)?, positions))
    }

    /// Reads the next whole lines of a source: the next start, the rows, the rejected lines (None without one).
    fn read(
        &mut self,
        py: Python<'_>,
        source: usize,
        start: u64,
        size: usize,
        max_line_bytes: usize,
        max_rows: usize,
    ) -> PyResult<(u64, ArrowBatch, Option<ArrowBatch>)> {
        self.check_source(source)?;
        let chunk = run(py, || self.0.read_chunk(source, start, size, max_line_bytes, max_rows))?;
        let chunk = chunk.map_err(|error| PyOverflowError::new_err(error.to_string()))?;
        let rejected = if chunk.rejected.is_empty() { None } else { Some(rejected_batch(&chunk.rejected)?) };
        Ok((chunk.end, rows_batch(chunk)?, rejected))
    }

    fn __len__(&self) -> usize {
        Rows::len(&self.0)
    }

    /// Lines read of a source, blank ones too.
    fn lines_read(&self, source: usize) -> PyResult<u64> {
        self.check_source(source)?;
        Ok(self.0.lines_read(source))
    }

    /// XXH3-128 of what was read of a source, as 32 hexadecimal digits.
    fn source_hash(&self, source: usize) -> PyResult<String> {
        self.check_source(source)?;
        Ok(format!("{:032x}", self.0.source_hash(source)))
    }

    /// First row of each source.
    fn first_rows(&self) -> Vec<u32> {
        self.0.first_rows().to_vec()
    }

    /// How many ids stand on more than one row, and the first rows of up to `most` of these.
    fn repeated_ids(&self, py: Python<'_>, most: usize) -> PyResult<(usize, Vec<u32>)> {
        run(py, || self.0.repeated_ids(most))
    }

    /// The line of a row, as it came.
    fn line<'py>(&self, py: Python<'py>, row: u32) -> PyResult<Bound<'py, PyBytes>> {
        self.check_rows(row, row.saturating_add(1))?;
        Ok(PyBytes::new(py, self.0.line(row)))
    }

    /// Fills a bytearray with the lines of the kept rows of `start..end`, each with a line feed, as far as they fit.
    ///
    /// Returns the row to go on with (`start` if not even its line fits), the number of rows and of bytes.
    fn fill_kept_lines(
        &self,
        py: Python<'_>,
        start: u32,
        end: u32,
        ledger: &Ledger,
        buffer: &Bound<'_, PyByteArray>,
    ) -> PyResult<(u32, usize, usize)> {
        self.check_rows(start, end)?;
        ledger.check_rows(end)?;
        // SAFETY: the writer that calls owns the bytearray: no other thread reads, writes or resizes it meanwhile.
        let space = unsafe { buffer.as_bytes_mut() };
        Ok(py.detach(|| self.0.fill(start..end, |row| ledger.0.alive()[row as usize], space)))
    }

    /// The kept rows of `start..end` in another format, each with a line feed.
    fn convert_kept_lines<'py>(
        &self,
        py: Python<'py>,
        start: u32,
        end: u32,
        ledger: &Ledger,
        to: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let to = format_of(to)?;
        self.check_rows(start, end)?;
        ledger.check_rows(end)?;
        let rows = (start..end).filter(|&row| ledger.0.alive()[row as usize]);
        let mut lines = Vec::new();
        py.detach(|| self.0.convert(rows, to, &mut lines))
            .map_err(|(row, error)| PyValueError::new_err(format!("row {row} cannot be read again: {error}")))?;
        Ok(PyBytes::new(py, &lines))
    }
}

impl Corpus {
    fn check_source(&self, source: usize) -> PyResult<()> {
        if source < self.0.first_rows().len() {
            return Ok(());
        }
        Err(PyIndexError::new_err(format!("no source {source}; there are {}", self.0.first_rows().len())))
    }

    fn check_rows(&self, start: u32, end: u32) -> PyResult<()> {
        if start <= end && end as usize <= Rows::len(&self.0) {
            return Ok(());
        }
        Err(PyIndexError::new_err(format!("no rows {start} to {end}; there are {}", Rows::len(&self.0))))
    }
}

fn rows_batch(chunk: Chunk) -> PyResult<ArrowBatch> {
    let Chunk { first_row, mut batch, content_hashes, changes, .. } = chunk;
    let rows = batch.len();
    let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(first_row..first_row + rows as u32));
    let ids = strings(std::mem::take(&mut batch.id_offsets), std::mem::take(&mut batch.id_values), rows);
    let has_id: ArrayRef = Arc::new(BooleanArray::from(std::mem::take(&mut batch.has_id)));
    let non_text: ArrayRef = Arc::new(UInt16Array::from(std::mem::take(&mut batch.non_text_parts)));
    record_batch(vec![
        ("row", numbers),
        ("id", ids),
        ("has_id", has_id),
        ("content_hash", Arc::new(UInt64Array::from(content_hashes))),
        ("non_text_parts", non_text),
        ("turns", turns_array(&mut batch)?),
        ("changes", Arc::new(UInt8Array::from(changes))),
    ])
}

pub fn rejected_batch(rejected: &[Rejected]) -> PyResult<ArrowBatch> {
    let number = |value: fn(&Rejected) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rejected.iter().map(|line| value(line) as i64)))
    };
    record_batch(vec![
        ("line", number(|line| line.line)),
        ("byte", number(|line| line.offset)),
        ("length", number(|line| line.length)),
        ("reason", Arc::new(StringArray::from_iter_values(rejected.iter().map(|line| line.reason.name())))),
        ("detail", Arc::new(StringArray::from_iter_values(rejected.iter().map(|line| line.detail.as_str())))),
    ])
}
