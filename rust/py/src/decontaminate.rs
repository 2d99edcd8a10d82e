//! Evaluation rows, and where their texts stand in the rows of a corpus.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray, UInt32Array};
use belle_core::decontaminate::{Evaluation, Match, Part, Settings, find};
use belle_core::progress::Progress;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, record_batch, record_batch_with_nulls};
use crate::ledger::Ledger;
use crate::run::run_long;
use crate::stages::with_rows;

/// The texts of evaluation rows, indexed, and what looks for them.
#[pyclass(frozen, module = "belle_data._native")]
pub struct EvaluationRows {
    evaluation: Evaluation,
    progress: Progress,
}

#[pymethods]
impl EvaluationRows {
    #[new]
    #[pyo3(signature = (rows, *, ngram, common_texts, answers, shortest_answer))]
    fn new(
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ngram: u32,
        common_texts: u32,
        answers: bool,
        shortest_answer: u32,
    ) -> PyResult<Self> {
        if !(8..=64).contains(&ngram) || shortest_answer > 1 << 24 {
            return Err(PyValueError::new_err("an n-gram has 8 to 64 characters, the shortest answer 2^24 at most"));
        }
        let settings = Settings { ngram, common_texts, answers, shortest_answer };
        let progress = Progress::default();
        let evaluation =
            with_rows(rows, None, |rows, _| run_long(py, &progress, || Evaluation::new(rows, settings, &progress)))?;
        Ok(Self { evaluation, progress })
    }

    fn __len__(&self) -> usize {
        self.evaluation.rows()
    }

    /// Which evaluation rows have a text that is looked for.
    fn compared(&self) -> PyResult<ArrowBatch> {
        record_batch(vec![("compared", Arc::new(BooleanArray::from(self.evaluation.compared())))])
    }

    /// What the rows that stand in the ledger (or all) hold of the evaluation rows.
    #[pyo3(signature = (rows, ledger=None))]
    fn find(&self, py: Python<'_>, rows: &Bound<'_, PyAny>, ledger: Option<PyRef<'_, Ledger>>) -> PyResult<ArrowBatch> {
        let found = with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &self.progress, || find(&self.evaluation, rows, alive, &self.progress))
        })?;
        matches_batch(&self.evaluation, &found)
    }

    /// Rows that were looked at, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}

/// A line for each match and each evaluation row with its text.
fn matches_batch(evaluation: &Evaluation, found: &[Match]) -> PyResult<ArrowBatch> {
    let lines: Vec<(&Match, u32)> = found
        .iter()
        .flat_map(|one| evaluation.texts[one.text as usize].rows.iter().map(move |&row| (one, row)))
        .collect();
    let number = |value: fn(&Match) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(lines.iter().map(|(one, _)| value(one))))
    };
    let parts = lines.iter().map(|(one, _)| match evaluation.texts[one.text as usize].part {
        Part::Prompt => "prompt",
        Part::Answer => "answer",
    });
    let similarities = lines.iter().map(|(one, _)| (one.similarity > 0.0).then_some(one.similarity));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("row", number(|one| one.row)),
        ("turn", number(|one| one.turn)),
        ("start", number(|one| one.start)),
        ("end", number(|one| one.end)),
        ("evaluation_row", Arc::new(UInt32Array::from_iter_values(lines.iter().map(|&(_, row)| row)))),
        ("part", Arc::new(StringArray::from_iter_values(parts))),
        ("ngrams", number(|one| one.ngrams)),
        ("run", number(|one| one.run)),
        ("covered", Arc::new(Float64Array::from_iter_values(lines.iter().map(|(one, _)| one.covered)))),
        ("similarity", Arc::new(similarities.collect::<Float64Array>())),
    ];
    record_batch_with_nulls(columns, &["similarity"])
}
