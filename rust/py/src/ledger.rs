//! The ledger of a run.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, StringDictionaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, UInt8Type, UInt32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, UInt64Array};
use belle_core::ledger::{Ledger as CoreLedger, Removed};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, arrow_error, import, record_batch};
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

    /// Whether a row stands.
    fn stands(&self, row: usize) -> bool {
        self.0.alive()[row]
    }

    /// Enters what a stage removes: Arrow data with row (uint32), reason (uint8 code), kept_row and similarity.
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
        py.detach(|| ledger_rows(&self.0, corpus, start..end.min(self.0.len() as u32), &files, &stages))
    }
}

fn removed_rows(batch: &ArrayRef) -> PyResult<Vec<Removed>> {
    let columns = batch.as_struct_opt().ok_or_else(|| PyValueError::new_err("removals must be a record batch"))?;
    let column = |name: &str| {
        columns.column_by_name(name).ok_or_else(|| PyValueError::new_err(format!("no column `{name}` in the removals")))
    };
    let wrong = |name: &str, kind: &str| PyValueError::new_err(format!("column `{name}` of the removals is not {kind}"));
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

fn ledger_rows(
    ledger: &CoreLedger,
    corpus: &Corpus,
    range: std::ops::Range<u32>,
    files: &[String],
    stages: &[(String, Vec<String>)],
) -> PyResult<ArrowBatch> {
    let corpus = &corpus.0;
    let rows = range.len();
    let write_id = |row: u32, text: &mut String| {
        text.clear();
        match corpus.id(row) {
            Some(id) => text.push_str(&String::from_utf8_lossy(id)),
            None => {
                text.push_str(&files[corpus.source_of(row)]);
                text.push(':');
                text.push_str(&corpus.place(row).0.to_string());
            }
        }
    };
    let mut ids = StringBuilder::with_capacity(rows, rows * 12);
    let mut kept_ids = StringBuilder::new();
    let mut file_names = StringDictionaryBuilder::<Int32Type>::new();
    let mut stage_names = StringDictionaryBuilder::<Int32Type>::new();
    let mut reason_names = StringDictionaryBuilder::<Int32Type>::new();
    let mut similarities = Vec::with_capacity(rows);
    let (mut lines, mut bytes) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut text = String::new();
    for row in range.clone() {
        write_id(row, &mut text);
        ids.append_value(&text);
        let (line, byte) = corpus.place(row);
        lines.push(line);
        bytes.push(byte);
        file_names.append_value(&files[corpus.source_of(row)]);
        let removal = ledger.removal(row);
        if let Some((stage, removed)) = removal {
            let (name, reasons) = stages.get(stage as usize).ok_or_else(|| arrow_error(format!("no stage {stage}")))?;
            stage_names.append_value(name);
            reason_names.append_option(reasons.get(removed.reason as usize));
        } else {
            stage_names.append_null();
            reason_names.append_null();
        }
        let removed = removal.map(|(_, removed)| removed);
        match removed.and_then(|removed| removed.kept_row) {
            Some(kept_row) => {
                write_id(kept_row, &mut text);
                kept_ids.append_value(&text);
            }
            None => kept_ids.append_null(),
        }
        similarities.push(removed.and_then(|removed| removed.similarity));
    }
    let kept = ledger.alive()[range.start as usize..range.end as usize].to_vec();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(ids.finish())),
        ("file", Arc::new(file_names.finish())),
        ("line", Arc::new(UInt64Array::from(lines))),
        ("byte", Arc::new(UInt64Array::from(bytes))),
        ("kept", Arc::new(BooleanArray::from(kept))),
        ("stage", Arc::new(stage_names.finish())),
        ("reason", Arc::new(reason_names.finish())),
        ("kept_id", Arc::new(kept_ids.finish())),
        ("similarity", Arc::new(Float64Array::from(similarities))),
    ];
    record_batch(columns)
}
