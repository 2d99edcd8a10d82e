//! The n-gram language model.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array as _, ArrayRef, Float64Array, UInt8Array, UInt32Array};
use arrow_schema::DataType;
use belle_core::language_model::rows::{Chosen, Fold, score_rows, train_rows};
use belle_core::language_model::{
    Estimated, Kind, LanguageModel as CoreModel, LanguageModelError, Lines, Parameters, Score, Texts, Token,
    Vocabulary, arpa, score_ids, score_texts, train, train_ids,
};
use belle_core::progress::{Cancelled, Progress};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrow_data::{ArrowBatch, import, record_batch};
use crate::corpus::Lent;
use crate::ledger::Ledger;
use crate::run::{run, run_long};
use crate::stages::with_rows;

/// How far a training is, to be asked from another thread.
#[pyclass(frozen, module = "belle_data._native")]
#[derive(Default)]
pub struct LanguageModelSteps(Arc<Progress>);

#[pymethods]
impl LanguageModelSteps {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Steps that are done, and how many there are.
    fn state(&self) -> (u64, u64) {
        self.0.state()
    }
}

/// An n-gram language model.
#[pyclass(frozen, module = "belle_data._native")]
pub struct LanguageModel(CoreModel);

/// What a training is told beside its texts.
struct Task<'py> {
    py: Python<'py>,
    progress: Arc<Progress>,
    notes: Vec<u8>,
    arpa: Option<Py<PyAny>>,
}

impl<'py> Task<'py> {
    fn new(
        py: Python<'py>,
        steps: Option<PyRef<'_, LanguageModelSteps>>,
        notes: Vec<u8>,
        arpa: Option<Py<PyAny>>,
    ) -> Self {
        Self { py, progress: steps.map(|steps| Arc::clone(&steps.0)).unwrap_or_default(), notes, arpa }
    }

    /// Runs the work, hands its ARPA file to Python if that is wanted, and lays the model out.
    fn make(
        self,
        work: impl FnOnce(&Progress) -> Result<Estimated, LanguageModelError> + Send,
    ) -> PyResult<LanguageModel> {
        let Self { py, progress, notes, arpa } = self;
        let failed: Mutex<Option<PyErr>> = Mutex::new(None);
        let made = long(py, &progress, || {
            let mut estimated = work(&progress)?;
            if let Some(function) = &arpa {
                arpa::write(&estimated, &progress, &mut |bytes| hand_over(function, bytes, &failed))?;
            }
            CoreModel::of(&mut estimated, &notes, &progress)
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        made.map(LanguageModel)
    }
}

fn hand_over(function: &Py<PyAny>, bytes: &[u8], failed: &Mutex<Option<PyErr>>) -> Result<(), Cancelled> {
    Python::attach(|py| function.call1(py, (PyBytes::new(py, bytes),))).map(drop).map_err(|error| {
        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        Cancelled
    })
}

/// Runs long work whose errors are those of the model.
fn long<T: Send>(
    py: Python<'_>,
    progress: &Progress,
    work: impl FnOnce() -> Result<T, LanguageModelError> + Send,
) -> PyResult<T> {
    let done = run_long(py, progress, || match work() {
        Err(LanguageModelError::Cancelled(cancelled)) => Err(cancelled),
        done => Ok(done),
    })?;
    done.map_err(model_error)
}

fn model_error(error: LanguageModelError) -> PyErr {
    match error {
        LanguageModelError::Cancelled(_) => PyKeyboardInterrupt::new_err(()),
        LanguageModelError::Memory { needed, .. } => PyMemoryError::new_err((error.to_string(), needed)),
        LanguageModelError::Arpa { line, .. } => PyValueError::new_err((error.to_string(), line)),
        LanguageModelError::NotUtf8 { line, byte } => PyValueError::new_err((error.to_string(), line, byte)),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// Lines of several files.
struct Files<'a>(Vec<Lines<'a>>);

impl Files<'_> {
    fn place(&self, part: usize) -> Option<(&Lines<'_>, usize)> {
        let mut left = part;
        self.0.iter().find_map(|lines| {
            let parts = lines.parts();
            if left < parts {
                return Some((lines, left));
            }
            left -= parts;
            None
        })
    }
}

impl Texts for Files<'_> {
    fn parts(&self) -> usize {
        self.0.iter().map(Texts::parts).sum()
    }

    fn read(&self, part: usize, take: &mut dyn FnMut(&str) -> Result<(), Cancelled>) -> Result<(), Cancelled> {
        self.place(part).map_or(Ok(()), |(lines, part)| lines.read(part, take))
    }
}

#[pymethods]
impl LanguageModel {
    /// The model in a buffer, such as a mapped file.
    #[new]
    fn new(py: Python<'_>, image: &Bound<'_, PyAny>) -> PyResult<Self> {
        let lent = Box::new(Lent::new(image)?);
        run(py, || CoreModel::open(lent))?.map(Self).map_err(model_error)
    }

    /// Trains on rows that stand in the ledger (or all) and are not in the fold.
    #[staticmethod]
    #[pyo3(signature = (rows, ledger, *, order, memory, fold=None, folds=1, most_characters=None, notes=Vec::new(), steps=None, arpa=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn train_rows(
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
        order: usize,
        memory: u64,
        fold: Option<u32>,
        folds: u32,
        most_characters: Option<u64>,
        notes: Vec<u8>,
        steps: Option<PyRef<'_, LanguageModelSteps>>,
        arpa: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let task = Task::new(py, steps, notes, arpa);
        let but = fold.map(|fold| Fold { fold, folds });
        with_rows(rows, ledger.as_deref(), |rows, alive| {
            let chosen = Chosen { alive, but, most_characters };
            task.make(|progress| train_rows(rows, chosen, Parameters { order, memory }, progress))
        })
    }

    /// Trains on the lines of buffers of UTF-8, each a text.
    #[staticmethod]
    #[pyo3(signature = (files, *, order, memory, notes=Vec::new(), steps=None, arpa=None))]
    fn train_lines(
        py: Python<'_>,
        files: Vec<Bound<'_, PyAny>>,
        order: usize,
        memory: u64,
        notes: Vec<u8>,
        steps: Option<PyRef<'_, LanguageModelSteps>>,
        arpa: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let lent = files.iter().map(Lent::new).collect::<PyResult<Vec<_>>>()?;
        let read = || lent.iter().map(|bytes| Lines::new(bytes.as_ref())).collect::<Result<Vec<_>, _>>();
        let files = Files(run(py, read)?.map_err(model_error)?);
        let task = Task::new(py, steps, notes, arpa);
        task.make(|progress| train(&files, Parameters { order, memory }, progress))
    }

    /// Trains on the numbers of a tokenizer's pieces; `ends` says where each text ends.
    #[staticmethod]
    #[pyo3(signature = (ids, ends, pieces, *, order, memory, notes=Vec::new(), steps=None, arpa=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn train_ids(
        py: Python<'_>,
        ids: &Bound<'_, PyAny>,
        ends: &Bound<'_, PyAny>,
        pieces: Vec<String>,
        order: usize,
        memory: u64,
        notes: Vec<u8>,
        steps: Option<PyRef<'_, LanguageModelSteps>>,
        arpa: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let (ids, ends) = (numbers32(ids)?, numbers64(ends)?);
        let vocabulary = Vocabulary::new(Kind::Pieces, (0..).zip(pieces)).map_err(model_error)?;
        let task = Task::new(py, steps, notes, arpa);
        task.make(|progress| train_ids(&ids, &ends, vocabulary, Parameters { order, memory }, progress))
    }

    /// The model of an ARPA file.
    #[staticmethod]
    #[pyo3(signature = (file, *, notes=Vec::new(), steps=None))]
    fn from_arpa(
        py: Python<'_>,
        file: &Bound<'_, PyAny>,
        notes: Vec<u8>,
        steps: Option<PyRef<'_, LanguageModelSteps>>,
    ) -> PyResult<Self> {
        let lent = Lent::new(file)?;
        Task::new(py, steps, notes, None).make(|progress| arpa::read(lent.as_ref(), progress))
    }

    /// Bytes of the model.
    fn __len__(&self) -> usize {
        self.0.image().len()
    }

    /// Bytes `start..end` of the model, as they are written into a file.
    fn image<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.0.image().get(start..end);
        bytes.map(|bytes| PyBytes::new(py, bytes)).ok_or_else(|| {
            PyValueError::new_err(format!("no bytes {start}..{end}: there are {}", self.0.image().len()))
        })
    }

    /// What the model is.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let info = self.0.info();
        let dict = PyDict::new(py);
        dict.set_item("tokens", info.kind.name())?;
        dict.set_item("order", info.ngrams.len())?;
        dict.set_item("ngrams", info.ngrams)?;
        dict.set_item("bytes", info.bytes)?;
        dict.set_item("rounding", info.rounding)?;
        dict.set_item("notes", PyBytes::new(py, &info.notes))?;
        Ok(dict)
    }

    /// The scores of texts: `log_probability` and `tokens`.
    fn score_texts(&self, py: Python<'_>, texts: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let arrays = import(texts)?;
        let texts = texts_of(&arrays)?;
        let progress = Progress::default();
        scores(&long(py, &progress, || score_texts(&self.0, &texts, &progress))?)
    }

    /// The same for texts that a tokenizer has cut.
    fn score_ids(&self, py: Python<'_>, ids: &Bound<'_, PyAny>, ends: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let (ids, ends) = (numbers32(ids)?, numbers64(ends)?);
        let progress = Progress::default();
        scores(&long(py, &progress, || score_ids(&self.0, &ids, &ends, &progress))?)
    }

    /// The name of each token.
    fn names(&self) -> Vec<&str> {
        (0..self.0.vocabulary().len() as u32).map(|token| self.0.vocabulary().name(token)).collect()
    }

    /// The tokens of a text with the log-probability of each.
    fn tokens_of(&self, text: &str) -> PyResult<ArrowBatch> {
        tokens(&self.0.tokens(text).map_err(model_error)?)
    }

    /// The same for a text that a tokenizer has cut.
    fn tokens_of_ids(&self, ids: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        tokens(&self.0.tokens_of_ids(&numbers32(ids)?).map_err(model_error)?)
    }

    /// The scores of rows that stand in the ledger (or all) and are in the fold (or all).
    #[pyo3(signature = (rows, ledger, *, fold=None, folds=1))]
    fn score_rows(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
        fold: Option<u32>,
        folds: u32,
    ) -> PyResult<ArrowBatch> {
        let fold = fold.map(|fold| Fold { fold, folds });
        let progress = Progress::default();
        let scored = with_rows(rows, ledger.as_deref(), |rows, alive| {
            long(py, &progress, || score_rows(&self.0, rows, alive, fold, &progress))
        })?;
        let prompt: Vec<Score> = scored.iter().map(|row| row.prompt).collect();
        let answer: Vec<Score> = scored.iter().map(|row| row.answer).collect();
        let ([prompt, prompt_tokens], [answer, answer_tokens]) = (columns(&prompt), columns(&answer));
        record_batch(vec![
            ("row", Arc::new(UInt32Array::from_iter_values(scored.iter().map(|row| row.row)))),
            ("prompt_log_probability", prompt),
            ("prompt_tokens", prompt_tokens),
            ("answer_log_probability", answer),
            ("answer_tokens", answer_tokens),
        ])
    }
}

fn columns(scores: &[Score]) -> [ArrayRef; 2] {
    [
        Arc::new(Float64Array::from_iter_values(scores.iter().map(|score| score.log_probability))),
        Arc::new(UInt32Array::from_iter_values(scores.iter().map(|score| score.tokens))),
    ]
}

fn scores(scores: &[Score]) -> PyResult<ArrowBatch> {
    let [log_probability, tokens] = columns(scores);
    record_batch(vec![("log_probability", log_probability), ("tokens", tokens)])
}

fn tokens(tokens: &[Token]) -> PyResult<ArrowBatch> {
    let numbers =
        |value: fn(&Token) -> u32| -> ArrayRef { Arc::new(UInt32Array::from_iter_values(tokens.iter().map(value))) };
    record_batch(vec![
        ("start", numbers(|token| token.start)),
        ("end", numbers(|token| token.end)),
        ("token", numbers(|token| token.token)),
        ("log_probability", Arc::new(Float64Array::from_iter_values(tokens.iter().map(|token| token.log_probability)))),
        ("order", Arc::new(UInt8Array::from_iter_values(tokens.iter().map(|token| token.order)))),
    ])
}

fn texts_of(arrays: &[ArrayRef]) -> PyResult<Vec<&str>> {
    let mut texts = Vec::with_capacity(arrays.iter().map(arrow_array::Array::len).sum());
    for array in arrays {
        match array.data_type() {
            DataType::Utf8 => texts.extend(array.as_string::<i32>().iter().map(Option::unwrap_or_default)),
            DataType::LargeUtf8 => texts.extend(array.as_string::<i64>().iter().map(Option::unwrap_or_default)),
            DataType::Utf8View => texts.extend(array.as_string_view().iter().map(Option::unwrap_or_default)),
            other => return Err(PyTypeError::new_err(format!("texts must be strings, not {other}"))),
        }
    }
    Ok(texts)
}

fn numbers32(buffer: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    let lent = Lent::new(buffer)?;
    let (numbers, rest) = lent.as_ref().as_chunks::<4>();
    if !rest.is_empty() {
        return Err(PyValueError::new_err("numbers of pieces must be uint32"));
    }
    Ok(numbers.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect())
}

fn numbers64(buffer: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let lent = Lent::new(buffer)?;
    let (numbers, rest) = lent.as_ref().as_chunks::<8>();
    if !rest.is_empty() {
        return Err(PyValueError::new_err("ends of texts must be uint64"));
    }
    Ok(numbers.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
}
