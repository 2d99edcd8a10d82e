//! Semantic duplicates: the texts that are compared, the guard, the search and its decisions.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array as _, ArrayRef, Float64Array, LargeStringArray, StringArray, UInt32Array};
use arrow_schema::DataType;
use belle_core::compared_texts::{ComparedField, ComparedTexts as CoreTexts};
use belle_core::embed::{Buffers, Encoder, Precision};
use belle_core::guard::{Difference, Guard as CoreGuard};
use belle_core::progress::Progress;
use belle_core::semantic_dedup::text_judge::{Near, SecondLook, TextJudge, Why, removals};
use belle_core::semantic_dedup::{
    Decided, Decider, Mode, Recall, Search, SearchError, Settings, Vectors, memory_needed,
};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator};
use rayon::prelude::*;

use crate::arrow_data::{ArrowBatch, import, record_batch};
use crate::corpus::Lent;
use crate::embed::UniversalSentenceEncoder;
use crate::ledger::Ledger;
use crate::run::{run, run_long};
use crate::stages::with_rows;

/// The texts by which rows are compared, each once.
#[pyclass(frozen, module = "belle_data._native")]
pub struct ComparedTexts {
    texts: CoreTexts,
    /// For each text the first row with it.
    first_rows: Vec<u32>,
    fields: Vec<String>,
}

#[pymethods]
impl ComparedTexts {
    /// Reads the rows that stand in the ledger, or all.
    #[staticmethod]
    #[pyo3(signature = (rows, ledger, fields))]
    fn read(
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
        fields: Vec<String>,
    ) -> PyResult<Self> {
        let field = |name: &String| {
            ComparedField::from_name(name)
                .ok_or_else(|| PyValueError::new_err(format!("unknown field {name:?}: prompt, instruction or output")))
        };
        let kinds = fields.iter().map(field).collect::<PyResult<Vec<_>>>()?;
        if kinds.is_empty() || kinds.len() > 3 {
            return Err(PyValueError::new_err("rows are compared by one to three fields"));
        }
        let progress = Progress::default();
        let texts = with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &progress, || CoreTexts::read(rows, alive, &kinds, &progress))
        })?;
        Ok(Self { first_rows: texts.first_rows(), texts, fields })
    }

    /// Number of different texts.
    fn __len__(&self) -> usize {
        self.texts.texts.len()
    }

    /// Number of groups of rows that have equal texts.
    #[getter]
    fn groups(&self) -> usize {
        self.texts.len()
    }

    /// Texts `start..end`: `text`, and `row`, the first row with it in the order of keeping.
    fn column(&self, start: u32, end: u32) -> PyResult<ArrowBatch> {
        if start > end || end as usize > self.texts.texts.len() {
            return Err(PyValueError::new_err(format!("no texts {start}..{end}: there are {}", self.__len__())));
        }
        let text = |at| String::from_utf8_lossy(self.texts.texts.get(at));
        let texts: LargeStringArray = (start..end).map(|at| Some(text(at))).collect();
        let rows = UInt32Array::from_iter_values(self.first_rows[start as usize..end as usize].iter().copied());
        record_batch(vec![("text", Arc::new(texts)), ("row", Arc::new(rows))])
    }

    /// A hash of 16 bytes for each text, one after the other.
    fn hashes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let hashes = run(py, || self.texts.texts.hashes())?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        Ok(PyBytes::new(py, &bytes))
    }

    /// The groups: `row`, the first row in the order of keeping, and `text`, the number of the first field's text.
    fn group_column(&self) -> PyResult<ArrowBatch> {
        let rows = (0..self.texts.len() as u32).map(|group| self.texts.rows_of(group)[0]);
        let rows: ArrayRef = Arc::new(UInt32Array::from_iter_values(rows));
        record_batch(vec![("row", rows), ("text", Arc::new(UInt32Array::from(self.texts.first_texts())))])
    }
}

/// Tells texts apart that differ in a number, a negation or a name.
#[pyclass(frozen, module = "belle_data._native")]
pub struct Guard;

#[pymethods]
impl Guard {
    #[new]
    fn new() -> Self {
        Self
    }

    /// What tells the texts of each pair apart: a column `difference` of `number`, `negation`, `name` or null.
    #[expect(clippy::unused_self, reason = "a method, as the other kernels have")]
    fn between(&self, py: Python<'_>, left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let (left, right) = (strings(left)?, strings(right)?);
        if left.len() != right.len() {
            return Err(PyValueError::new_err(format!(
                "{} texts on the left, {} on the right",
                left.len(),
                right.len()
            )));
        }
        let progress = Progress::default();
        let found = run_long(py, &progress, || {
            let guard = CoreGuard::shared();
            left.par_iter()
                .zip(&right)
                .map(|(left, right)| {
                    progress.check()?;
                    Ok(guard.between(left, right).map(Difference::as_str))
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        record_batch(vec![("difference", Arc::new(StringArray::from(found)))])
    }
}

pub fn strings(data: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let mut texts = Vec::new();
    for array in import(data)? {
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        match array.data_type() {
            DataType::Utf8 => texts.extend(array.as_string::<i32>().iter().map(owned)),
            DataType::LargeUtf8 => texts.extend(array.as_string::<i64>().iter().map(owned)),
            DataType::Utf8View => texts.extend(array.as_string_view().iter().map(owned)),
            other => return Err(PyTypeError::new_err(format!("texts must be strings, not {other}"))),
        }
    }
    Ok(texts)
}

/// Bytes as `float32 [n, dimensions]`.
fn vectors_of(bytes: &[u8], dimensions: usize) -> PyResult<Vectors<'_>> {
    // SAFETY: every pattern of four bytes is an f32.
    let (before, values, after) = unsafe { bytes.align_to::<f32>() };
    if !before.is_empty() || !after.is_empty() {
        return Err(PyValueError::new_err("vectors must be float32, and lie where numbers of four bytes may lie"));
    }
    Vectors::new(values, dimensions).map_err(search_error)
}

fn search_error(error: SearchError) -> PyErr {
    match error {
        SearchError::Cancelled(_) => PyKeyboardInterrupt::new_err(()),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// A hash of 8 bytes for each vector of `float32 [n, dimensions]`, one after the other.
#[pyfunction]
pub fn vector_checksums<'py>(
    py: Python<'py>,
    vectors: &Bound<'py, PyAny>,
    dimensions: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let lent = Lent::new(vectors)?;
    let vectors = vectors_of(lent.as_ref(), dimensions)?;
    let progress = Progress::default();
    let hashes = run_long(py, &progress, || vectors.checksums(&progress))?;
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// Bytes of memory that the search of so many vectors needs at most, beside the vectors.
#[pyfunction]
pub fn search_memory(rows: usize, dimensions: usize, exact: bool) -> u64 {
    let mode = if exact { Mode::Exact } else { Mode::Clustered };
    memory_needed(rows, dimensions, &Settings { mode, ..Settings::new(0.85, 0.0) })
}

/// The second look by the kernels of this package.
struct OwnLook<'a> {
    encoder: &'a Encoder,
    texts: &'a CoreTexts,
    buffers: Mutex<Vec<Buffers>>,
}

impl SecondLook for OwnLook<'_> {
    fn look(&self, text: u32, vector: &mut [f32]) {
        let free = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffers = free().pop().unwrap_or_default();
        let text = String::from_utf8_lossy(self.texts.texts.get(text));
        self.encoder.embed_one(&text, Precision::Float32, &mut buffers, vector);
        free().push(buffers);
    }
}

/// The second look by a function of Python: the number of a text to the bytes of its vector.
struct PythonLook<'a> {
    function: Py<PyAny>,
    progress: &'a Progress,
    error: Mutex<Option<PyErr>>,
}

impl PythonLook<'_> {
    fn ask(&self, text: u32, vector: &mut [f32]) -> PyResult<()> {
        Python::attach(|py| {
            let answer = self.function.call1(py, (text,))?;
            PyBuffer::<f32>::get(answer.bind(py))?.copy_to_slice(py, vector)
        })
    }
}

impl SecondLook for PythonLook<'_> {
    fn look(&self, text: u32, vector: &mut [f32]) {
        if self.progress.check().is_err() {
            return;
        }
        if let Err(error) = self.ask(text, vector) {
            self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.progress.cancel();
        }
    }
}

/// Decides which rows go for which, given vectors.
#[pyclass(frozen, module = "belle_data._native")]
pub struct SemanticDedup {
    settings: Settings,
    first: Near,
    others: Near,
    rows_kept: usize,
    progress: Arc<Progress>,
}

/// The sample is drawn by another hash than that from which clusters are made: rows near their centroids find more.
const RECALL_SEED: u64 = 1;

#[pymethods]
impl SemanticDedup {
    /// Below the threshold by so much pairs are still looked at, to show what just stayed.
    #[classattr]
    const JUST_BELOW: f32 = 0.01;

    #[new]
    #[pyo3(signature = (*, threshold, tolerance=0.0, field_threshold=None, field_tolerance=0.0, rows_kept=1, exact=false))]
    fn new(
        threshold: f32,
        tolerance: f32,
        field_threshold: Option<f32>,
        field_tolerance: f32,
        rows_kept: usize,
        exact: bool,
    ) -> PyResult<Self> {
        let mode = if exact { Mode::Exact } else { Mode::Clustered };
        let settings = Settings { mode, ..Settings::new(threshold, tolerance.max(Self::JUST_BELOW)) };
        settings.check().map_err(search_error)?;
        let others = Near { threshold: field_threshold.unwrap_or(threshold), tolerance: field_tolerance };
        Ok(Self { settings, first: Near { threshold, tolerance }, others, rows_kept, progress: Arc::default() })
    }

    /// Finds the pairs, or takes the candidates of another engine, and decides.
    ///
    /// `places` (uint32) says where in `vectors` each text's stands. `second_look` is an encoder of this package, or a
    /// function of a text's number. `candidates` gives (end, later, earlier), block after block.
    #[pyo3(signature = (texts, vectors, dimensions, places, *, guard=true, second_look=None, candidates=None, recall_rows=0))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python, one for each part")]
    fn decide(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, ComparedTexts>,
        vectors: &Bound<'_, PyAny>,
        dimensions: usize,
        places: &Bound<'_, PyAny>,
        guard: bool,
        second_look: Option<Bound<'_, PyAny>>,
        candidates: Option<Bound<'_, PyIterator>>,
        recall_rows: usize,
    ) -> PyResult<(ArrowBatch, ArrowBatch, Py<PyDict>)> {
        let (compared, progress) = (texts.get(), &*self.progress);
        let texts = &compared.texts;
        let lent = Lent::new(vectors)?;
        let all = vectors_of(lent.as_ref(), dimensions)?;
        let places = numbers(places)?;
        if places.len() != texts.texts.len() {
            return Err(PyValueError::new_err(format!("{} places of {} texts", places.len(), texts.texts.len())));
        }
        let of_texts = all.at(&places).map_err(search_error)?;
        let of_groups: Vec<u32> = texts.first_texts().iter().map(|&text| places[text as usize]).collect();
        let of_groups = all.at(&of_groups).map_err(search_error)?;

        let (mut own, mut python) = (None, None);
        if let Some(look) = &second_look {
            match look.cast::<UniversalSentenceEncoder>() {
                Ok(encoder) => own = Some(OwnLook { encoder: &encoder.get().0, texts, buffers: Mutex::default() }),
                Err(_) => {
                    python = Some(PythonLook { function: look.clone().unbind(), progress, error: Mutex::default() });
                }
            }
        }
        let mut judge = TextJudge::new(texts, of_texts, self.first, self.others);
        let look = own.as_ref().map(|own| own as &dyn SecondLook);
        if let Some(look) = look.or(python.as_ref().map(|python| python as &dyn SecondLook)) {
            judge = judge.with_second_look(look);
        }
        if compared.fields[0] == "prompt"
            && let Some(place) = compared.fields.iter().position(|field| field == "instruction")
        {
            judge = judge.with_instruction(place);
        }
        if guard {
            judge = judge.guarded();
        }
        let decided = match candidates {
            None => self.search(py, of_groups, &judge, recall_rows),
            Some(candidates) => self.take(py, of_groups, &judge, &candidates).map(|decided| (decided, None)),
        };
        if let Some(error) = python.and_then(|look| look.error.into_inner().unwrap_or_else(PoisonError::into_inner)) {
            return Err(error);
        }
        let (decided, recall) = decided?;
        let statistics = statistics(py, &compared.fields, &decided, recall)?;
        let removals = removals(texts, &decided, self.rows_kept);
        let removals = record_batch(vec![
            ("row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|one| one.row)))),
            ("kept_row", Arc::new(UInt32Array::from_iter_values(removals.iter().map(|one| one.kept_row)))),
            (
                "similarity",
                Arc::new(Float64Array::from_iter_values(removals.iter().map(|one| f64::from(one.similarity)))),
            ),
        ])?;
        Ok((removals, near_misses(compared, &decided)?, statistics))
    }

    /// Steps of `decide` that are done, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}

impl SemanticDedup {
    fn search(
        &self,
        py: Python<'_>,
        vectors: Vectors<'_>,
        judge: &TextJudge<'_>,
        recall_rows: usize,
    ) -> PyResult<(Decided, Option<Recall>)> {
        let progress = &*self.progress;
        let found = run_long(py, progress, || {
            let work = || {
                let search = Search::new(vectors, self.settings.clone(), progress)?;
                let decided = search.decide(judge, progress)?;
                let recall =
                    (recall_rows > 0).then(|| search.recall(recall_rows, RECALL_SEED, progress)).transpose()?;
                Ok((decided, recall))
            };
            match work() {
                Err(SearchError::Cancelled(cancelled)) => Err(cancelled),
                other => Ok(other),
            }
        })?;
        found.map_err(search_error)
    }

    fn take(
        &self,
        py: Python<'_>,
        vectors: Vectors<'_>,
        judge: &TextJudge<'_>,
        candidates: &Bound<'_, PyIterator>,
    ) -> PyResult<Decided> {
        let progress = &*self.progress;
        let mut decider = Decider::new(vectors, &self.settings).map_err(search_error)?;
        vectors.check(progress).map_err(search_error)?;
        for block in candidates {
            let (end, later, earlier): (u32, Bound<'_, PyAny>, Bound<'_, PyAny>) = block?.extract()?;
            let (later, earlier) = (numbers(&later)?, numbers(&earlier)?);
            let done = run_long(py, progress, || match decider.decide(end, &later, &earlier, judge, progress) {
                Err(SearchError::Cancelled(cancelled)) => Err(cancelled),
                other => Ok(other),
            })?;
            done.map_err(search_error)?;
        }
        Ok(decider.finish())
    }
}

/// A column of uint32, or an array of numpy.
fn numbers(data: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    PyBuffer::<u32>::get(data)?.to_vec(data.py())
}

/// The word for why a pair is not one of duplicates.
fn why_word(fields: &[String], number: u8) -> String {
    match Why::of(number) {
        Why::Guard(difference) => difference.as_str().to_owned(),
        Why::Input => "input".to_owned(),
        Why::Field(0) => "below_threshold".to_owned(),
        Why::Field(field) => fields.get(field as usize).cloned().unwrap_or_default(),
    }
}

fn near_misses(compared: &ComparedTexts, decided: &Decided) -> PyResult<ArrowBatch> {
    let row = |group: u32| compared.texts.rows_of(group)[0];
    let misses = &decided.near_misses;
    let whys = misses.iter().map(|pair| why_word(&compared.fields, pair.refusal.why));
    let similarities = misses.iter().map(|pair| f64::from(pair.refusal.similarity));
    record_batch(vec![
        ("row", Arc::new(UInt32Array::from_iter_values(misses.iter().map(|pair| row(pair.later))))),
        ("other_row", Arc::new(UInt32Array::from_iter_values(misses.iter().map(|pair| row(pair.earlier))))),
        ("similarity", Arc::new(Float64Array::from_iter_values(similarities))),
        ("why", Arc::new(StringArray::from_iter_values(whys))),
    ])
}

fn statistics(py: Python<'_>, fields: &[String], decided: &Decided, recall: Option<Recall>) -> PyResult<Py<PyDict>> {
    let seen = &decided.statistics;
    let values = PyDict::new(py);
    values.set_item("clusters", seen.clusters)?;
    values.set_item("pairs", seen.pairs)?;
    values.set_item("judged", seen.judged)?;
    let refused = PyDict::new(py);
    for (number, &count) in seen.refused.iter().enumerate().filter(|&(_, &count)| count > 0) {
        refused.set_item(why_word(fields, number as u8), count)?;
    }
    values.set_item("refused", refused)?;
    let recall = recall.filter(|_| seen.clusters > 0);
    values.set_item("recall", recall.map(|recall| (recall.rows, recall.pairs, recall.found)))?;
    Ok(values.unbind())
}
