//! The ledger of a run.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, UInt8Type, UInt32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, StringArray, UInt64Array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use belle_core::batch::Rows;
use belle_core::ledger::{Ledger as CoreLedger, Removed};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, arrow_error, import, record_batch_with_nulls};
use crate::corpus::Corpus;

/// What happened to every row of a run.
#[pyclass(module = "belle_data._native")]
pub struct Ledger(pub CoreLedger);

#[pymethods]
impl Ledger {
    #[new]
    fn new(rows: usize) -> Self {
        Self(CoreLedger::new(rows))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Number of rows that stand.
    fn kept(&self) -> usize {
        self.0.kept()
    }

    /// Whether the same rows stand in another ledger.
    fn keeps_as(&self, other: &Self) -> bool {
        self.0.keeps_as(&other.0)
    }

    /// Whether a row stands.
    fn stands(&self, row: u32) -> PyResult<bool> {
        self.check_rows(row.saturating_add(1))?;
        Ok(self.0.alive()[row as usize])
    }

    /// Enters what a stage removes: Arrow data with row (uint32), reason (uint8 code), `kept_row` and similarity.
    fn remove(&mut self, stage: u8, removals: &Bound<'_, PyAny>) -> PyResult<()> {
        for batch in import(removals)? {
            let removed = removed_rows(&batch)?;
            self.0.remove(stage, &removed).map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        Ok(())
    }

    /// Where shards of that many kept rows begin, from 0 to the number of rows.
    fn shard_bounds(&self, rows_per_shard: usize) -> Vec<u32> {
        self.0.shard_bounds(rows_per_shard.max(1))
    }

    /// Rows `start..end` as the ledger shows them to the user.
    ///
    /// `files` are the names of the sources; `stages` the names of the stages with the names of their reasons.
    fn rows(
        &self,
        py: Python<'_>,
        corpus: &Corpus,
        start: u32,
        end: u32,
        files: Vec<String>,
        stages: Vec<(String, Vec<String>)>,
    ) -> PyResult<ArrowBatch> {
        self.check_rows(end)?;
        if start > end || self.0.len() != Rows::len(&corpus.0) || files.len() < corpus.0.first_rows().len() {
            return Err(PyValueError::new_err("the ledger, the rows and the files are not of one corpus"));
        }
        py.detach(|| ledger_rows(&self.0, corpus, start..end, &files, &stages))
    }
}

impl Ledger {
    /// Whether there are so many rows.
    pub fn check_rows(&self, end: u32) -> PyResult<()> {
        if end as usize <= self.0.len() {
            return Ok(());
        }
        Err(PyIndexError::new_err(format!("no row {}; there are {}", end - 1, self.0.len())))
    }
}

fn removed_rows(batch: &ArrayRef) -> PyResult<Vec<Removed>> {
    let columns = batch.as_struct_opt().ok_or_else(|| PyValueError::new_err("removals must be a record batch"))?;
    let column = |name: &str| {
        columns.column_by_name(name).ok_or_else(|| PyValueError::new_err(format!("no column `{name}` in the removals")))
    };
    let wrong =
        |name: &str, kind: &str| PyValueError::new_err(format!("column `{name}` of the removals is not {kind}"));
    let rows = column("row")?.as_primitive_opt::<UInt32Type>().ok_or_else(|| wrong("row", "uint32"))?;
    let reasons = column("reason")?.as_primitive_opt::<UInt8Type>().ok_or_else(|| wrong("reason", "uint8"))?;
    let kept_rows = column("kept_row")?.as_primitive_opt::<UInt32Type>().ok_or_else(|| wrong("kept_row", "uint32"))?;
    let similarities =
        column("similarity")?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong("similarity", "float64"))?;
    Ok((0..rows.len())
        .map(|at| Removed {
            row: rows.value(at),
            reason: reasons.value(at),
            kept_row: kept_rows.is_valid(at).then(|| kept_rows.value(at)),
            similarity: similarities.is_valid(at).then(|| similarities.value(at)),
        })
        .collect())
}

/// Strings that are put together from parts.
#[derive(Default)]
struct Texts {
    offsets: Vec<i32>,
    values: Vec<u8>,
    valid: Vec<bool>,
}

impl Texts {
    fn with_rows(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(rows * 12), valid: Vec::with_capacity(rows) }
    }

    fn end(&mut self, valid: bool) {
        self.offsets.push(self.values.len() as i32);
        self.valid.push(valid);
    }

    fn finish(self) -> PyResult<ArrayRef> {
        let Self { offsets, values, valid } = self;
        let nulls = NullBuffer::from(valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let texts = StringArray::try_new(OffsetBuffer::new(offsets.into()), values.into(), nulls);
        Ok(Arc::new(texts.map_err(arrow_error)?))
    }
}

/// Words out of a short list, by their place in it.
fn words<'a>(codes: Vec<Option<i32>>, list: impl Iterator<Item = &'a str>) -> PyResult<ArrayRef> {
    let words = DictionaryArray::<Int32Type>::try_new(codes.into(), Arc::new(StringArray::from_iter_values(list)));
    Ok(Arc::new(words.map_err(arrow_error)?))
}

fn ledger_rows(
    ledger: &CoreLedger,
    corpus: &Corpus,
    range: Range<u32>,
    files: &[String],
    stages: &[(String, Vec<String>)],
) -> PyResult<ArrowBatch> {
    let corpus = &corpus.0;
    let rows = range.len();
    let write_id = |row: u32, texts: &mut Texts| {
        if let Some(id) = corpus.id(row) {
            texts.values.extend_from_slice(id);
        } else {
            let (line, _) = corpus.place(row);
            texts.values.extend_from_slice(format!("{}:{line}", files[corpus.source_of(row)]).as_bytes());
        }
        texts.end(true);
    };
    // Reasons of all stages stand in one list, those of each stage from its own place on.
    let first_reasons: Vec<i32> = stages
        .iter()
        .scan(0, |next, (_, reasons)| Some(std::mem::replace(next, *next + reasons.len() as i32)))
        .collect();
    let (mut ids, mut kept_ids, mut final_ids) =
        (Texts::with_rows(rows), Texts::with_rows(rows), Texts::with_rows(rows));
    let (mut lines, mut bytes, mut file_codes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut stage_codes, mut reason_codes, mut similarities) = (Vec::new(), Vec::new(), Vec::new());
    for row in range.clone() {
        write_id(row, &mut ids);
        let (line, byte) = corpus.place(row);
        lines.push(line);
        bytes.push(byte);
        file_codes.push(Some(corpus.source_of(row) as i32));
        let removal = ledger.removal(row);
        stage_codes.push(removal.map(|(stage, _)| i32::from(stage)));
        let reason =
            removal.and_then(|(stage, removed)| Some(first_reasons.get(stage as usize)? + i32::from(removed.reason)));
        reason_codes.push(reason);
        similarities.push(removal.and_then(|(_, removed)| removed.similarity));
        for (texts, kept) in [
            (&mut kept_ids, removal.and_then(|(_, removed)| removed.kept_row)),
            (&mut final_ids, removal.and_then(|_| ledger.final_kept_row(row))),
        ] {
            match kept {
                Some(kept) => write_id(kept, texts),
                None => texts.end(false),
            }
        }
    }
    let kept = ledger.alive()[range.start as usize..range.end as usize].to_vec();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", ids.finish()?),
        ("file", words(file_codes, files.iter().map(String::as_str))?),
        ("line", Arc::new(UInt64Array::from(lines))),
        ("byte", Arc::new(UInt64Array::from(bytes))),
        ("kept", Arc::new(BooleanArray::from(kept))),
        ("stage", words(stage_codes, stages.iter().map(|(name, _)| name.as_str()))?),
        ("reason", words(reason_codes, stages.iter().flat_map(|(_, reasons)| reasons.iter().map(String::as_str)))?),
        ("kept_id", kept_ids.finish()?),
        ("similarity", Arc::new(Float64Array::from(similarities))),
        ("final_kept_id", final_ids.finish()?),
    ];
    record_batch_with_nulls(columns, &["stage", "reason", "kept_id", "similarity", "final_kept_id"])
}
