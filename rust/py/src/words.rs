//! Words of texts and of rows, their measures, and the choice of rows by them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array as _, Float64Array, ListArray, StringArray, UInt32Array, UInt64Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use belle_core::diversity::{Choice, Features, GREEDY_LOSS, Settings};
use belle_core::progress::Progress;
use belle_core::words::{ContentWords, CutBuffers, Measures, RowWords, WordCounts};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rayon::prelude::*;

use crate::arrow_data::{ArrowBatch, import, record_batch, record_batch_with_nulls};
use crate::ledger::Ledger;
use crate::run::run_long;
use crate::semantic::strings;
use crate::stages::with_rows;

/// Texts that are cut between two looks at whether to go on.
const TEXTS_BETWEEN_CHECKS: usize = 1 << 10;

/// The words of texts, function words and marks among them, as jieba cuts them without its hidden Markov model.
#[pyfunction]
pub fn cut_words(py: Python<'_>, texts: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
    let texts = strings(texts)?;
    let progress = Progress::default();
    let (values, ends) = run_long(py, &progress, || {
        let (dictionary, mut buffers) = (ContentWords::shared().dictionary(), CutBuffers::default());
        let (mut values, mut ends): (Vec<&str>, Vec<i32>) = (Vec::new(), vec![0]);
        for texts in texts.chunks(TEXTS_BETWEEN_CHECKS) {
            progress.check()?;
            for text in texts {
                dictionary.cut(text, &mut buffers, |token| values.extend(text.get(token.start..token.end)));
                ends.push(i32::try_from(values.len()).unwrap_or(i32::MAX));
            }
        }
        Ok((StringArray::from(values), ends))
    })?;
    if values.len() >= i32::MAX as usize {
        return Err(PyValueError::new_err("more than 2,147,483,646 words: pass fewer texts at once"));
    }
    let item = Arc::new(Field::new("item", DataType::Utf8, false));
    let lists = ListArray::try_new(item, OffsetBuffer::new(ends.into()), Arc::new(values), None);
    let lists = lists.map_err(|error| PyValueError::new_err(error.to_string()))?;
    record_batch(vec![("words", Arc::new(lists))])
}

/// How often each content word is in texts, the most frequent first.
#[pyfunction]
pub fn count_words(py: Python<'_>, texts: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
    let texts = strings(texts)?;
    let progress = Progress::default();
    let counted = run_long(py, &progress, || {
        let mut counts = WordCounts::default();
        for texts in texts.chunks(TEXTS_BETWEEN_CHECKS) {
            progress.check()?;
            for text in texts {
                counts.add(text);
            }
        }
        Ok(counts.sorted())
    })?;
    record_batch(vec![
        ("word", Arc::new(StringArray::from_iter_values(counted.iter().map(|(word, _)| word)))),
        ("count", Arc::new(UInt64Array::from_iter_values(counted.iter().map(|&(_, count)| count)))),
    ])
}

/// The content words of rows.
#[pyclass(frozen, module = "belle_data._native")]
pub struct Words(RowWords);

#[pymethods]
impl Words {
    /// Reads the rows that stand in the ledger, or all.
    #[staticmethod]
    #[pyo3(signature = (rows, ledger=None, progress=None))]
    fn read(
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        ledger: Option<PyRef<'_, Ledger>>,
        progress: Option<PyRef<'_, Diversity>>,
    ) -> PyResult<Self> {
        let progress = progress.map_or_else(Arc::default, |shown| Arc::clone(&shown.progress));
        with_rows(rows, ledger.as_deref(), |rows, alive| {
            run_long(py, &progress, || RowWords::read(rows, alive, &progress))
        })
        .map(Self)
    }

    /// Number of rows.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Measures some rows, or all that were read.
    #[pyo3(signature = (rows=None))]
    fn measure<'py>(&self, py: Python<'py>, rows: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        let places = match rows {
            None => (0..self.0.len() as u32).collect(),
            Some(rows) => self.places(rows)?,
        };
        let progress = Progress::default();
        let measures = run_long(py, &progress, || self.0.measure(&places, &progress))?;
        as_dict(py, &measures)
    }

    /// So many rows by chance: the first in the order of keeping.
    fn by_chance(&self, most: usize) -> PyResult<ArrowBatch> {
        self.rows(self.0.order().iter().take(most))
    }

    /// So many rows with the most characters.
    fn longest(&self, most: usize) -> PyResult<ArrowBatch> {
        self.rows(self.0.longest(most).iter())
    }

    /// The most frequent words of all rows.
    #[pyo3(signature = (most=100))]
    fn top(&self, most: usize) -> PyResult<ArrowBatch> {
        let counts = || self.0.counts().iter().take(most).copied();
        let words = (0..counts().count() as u32).map(|number| self.0.word(number));
        record_batch(vec![
            ("word", Arc::new(StringArray::from_iter_values(words))),
            ("count", Arc::new(UInt64Array::from_iter_values(counts()))),
        ])
    }
}

impl Words {
    fn places(&self, rows: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
        let mut places = Vec::new();
        for array in import(rows)? {
            let rows = array.as_primitive_opt::<UInt32Type>().filter(|rows| rows.null_count() == 0);
            let rows = rows.ok_or_else(|| PyTypeError::new_err("rows must be uint32 without nulls"))?;
            for row in rows.values() {
                let place = self.0.rows().binary_search(row);
                places.push(place.map_err(|_| PyValueError::new_err(format!("row {row} was not read")))? as u32);
            }
        }
        Ok(places)
    }

    /// Row numbers of places, ascending.
    fn rows<'a>(&self, places: impl Iterator<Item = &'a u32>) -> PyResult<ArrowBatch> {
        let mut rows: Vec<u32> = places.map(|&place| self.0.rows()[place as usize]).collect();
        rows.sort_unstable();
        record_batch(vec![("row", Arc::new(UInt32Array::from(rows)))])
    }
}

fn as_dict<'py>(py: Python<'py>, measures: &Measures) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(py);
    values.set_item("rows", measures.rows)?;
    values.set_item("characters", measures.characters)?;
    values.set_item("words", measures.words)?;
    values.set_item("distinct_words", measures.distinct_words)?;
    values.set_item("entropy", measures.entropy)?;
    values.set_item("top_100_share", measures.top_100_share)?;
    values.set_item("pairs", measures.pairs)?;
    values.set_item("distinct_2", measures.distinct_2)?;
    values.set_item("zipf_slope", measures.zipf_slope)?;
    values.set_item("kinds", measures.kinds)?;
    values.set_item("kinds_entropy", measures.kinds_entropy)?;
    values.set_item("top_10_kinds_share", measures.top_10_kinds_share)?;
    Ok(values)
}

/// Chooses rows by their words.
#[pyclass(frozen, module = "belle_data._native")]
pub struct Diversity {
    settings: Settings,
    progress: Arc<Progress>,
}

/// Words that are named for a row that goes.
const WORDS_SHOWN: usize = 3;

#[pymethods]
impl Diversity {
    /// By so much of the largest gain that of a chosen row is smaller at most.
    #[classattr]
    const GREEDY_LOSS: f64 = GREEDY_LOSS;

    #[new]
    #[pyo3(signature = (*, prompt_weight, length_normalisation=0.0))]
    fn new(prompt_weight: f64, length_normalisation: f64) -> PyResult<Self> {
        let within = (0.0..=100.0).contains(&prompt_weight) && (0.0..=1.0).contains(&length_normalisation);
        if !within {
            return Err(PyValueError::new_err("prompt_weight must be from 0 to 100, length_normalisation from 0 to 1"));
        }
        Ok(Self { settings: Settings { prompt_weight, length_normalisation }, progress: Arc::default() })
    }

    /// Chooses `target` rows, with a cap by it.
    #[pyo3(signature = (words, target, *, cap=None, weights=None))]
    fn choose(
        &self,
        py: Python<'_>,
        words: &Words,
        target: usize,
        cap: Option<u64>,
        weights: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(ArrowBatch, f64)> {
        let (words, progress) = (&words.0, &*self.progress);
        let weights = weights.map(floats).transpose()?;
        let (features, choice, objective) = run_long(py, progress, || {
            let features = match Features::new(words, self.settings, weights.as_deref(), progress)? {
                Ok(features) => features,
                Err(error) => return Ok(Err(error)),
            };
            let choice = match cap {
                None => Choice::greedy(&features, words.order(), target, progress),
                Some(cap) => Choice::by_cap(&features, words.order(), cap, target, progress),
            }?;
            let objective = features.objective(&choice.chosen);
            Ok(Ok((features, choice, objective)))
        })?
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((scores(words, &features, &choice)?, objective))
    }

    /// Steps that are done, and how many there are.
    fn progress(&self) -> (u64, u64) {
        self.progress.state()
    }
}

fn scores(words: &RowWords, features: &Features, choice: &Choice) -> PyResult<ArrowBatch> {
    let mut ranks = vec![None; words.len()];
    for (rank, &place) in choice.chosen.iter().enumerate() {
        ranks[place as usize] = Some(rank as u32 + 1);
    }
    let common: Vec<Option<String>> = ranks
        .par_iter()
        .enumerate()
        .map(|(place, rank)| {
            rank.is_none().then(|| {
                let common = choice.commonest(features, place, WORDS_SHOWN);
                common.iter().map(|&word| words.word(word)).collect::<Vec<_>>().join(" ")
            })
        })
        .collect();
    let common = StringArray::from_iter(common);
    let often = |place: usize| choice.often.binary_search(&(place as u32)).is_ok();
    let columns: Vec<(&str, arrow_array::ArrayRef)> = vec![
        ("row", Arc::new(UInt32Array::from(words.rows().to_vec()))),
        ("rank", Arc::new(UInt32Array::from(ranks))),
        (
            "value",
            Arc::new(
                choice
                    .values
                    .iter()
                    .map(|&value| Some(value).filter(|value| !value.is_nan()))
                    .collect::<Float64Array>(),
            ),
        ),
        ("often", Arc::new((0..words.len()).map(|place| Some(often(place))).collect::<arrow_array::BooleanArray>())),
        ("common_words", Arc::new(common)),
    ];
    record_batch_with_nulls(columns, &["rank", "value", "common_words"])
}

fn floats(data: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let mut values = Vec::new();
    for array in import(data)? {
        let numbers = array.as_primitive_opt::<Float64Type>();
        let numbers = numbers.ok_or_else(|| PyTypeError::new_err("weights must be float64"))?;
        values.extend(numbers.iter().map(|weight| weight.unwrap_or(1.0)));
    }
    Ok(values)
}
