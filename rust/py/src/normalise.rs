//! Texts in one form.

use std::sync::Arc;

use arrow_array::UInt8Array;
use belle_core::batch::Batch;
use belle_core::normalise::{Changes, Form, Normalise as CoreNormalise, Settings, normalise_turns};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrow_data::{ArrowBatch, ArrowTurns, import, record_batch, strings, turns_array};
use crate::run::run;

/// Brings texts into one form.
#[pyclass(frozen, module = "belle_data._native")]
pub struct Normalise(pub CoreNormalise);

#[pymethods]
impl Normalise {
    #[new]
    #[pyo3(signature = (*, form, width, simplified, control_characters, trailing_blanks))]
    #[expect(clippy::fn_params_excessive_bools, reason = "keyword arguments of Python, one for each setting")]
    fn new(
        form: &str,
        width: bool,
        simplified: bool,
        control_characters: bool,
        trailing_blanks: bool,
    ) -> PyResult<Self> {
        let form = Form::from_name(form).ok_or_else(|| PyValueError::new_err(format!("unknown form {form:?}")))?;
        let settings = Settings { form, control_characters, width, simplified, trailing_blanks };
        Ok(Self(CoreNormalise::new(settings)))
    }

    /// The texts or turns, normalised, and what changed in each row.
    fn apply(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<ArrowBatch> {
        let arrays = import(data)?;
        let texts = arrays.first().is_some_and(|array| !array.data_type().is_nested());
        let (mut all, mut changes) = (Batch::default(), Vec::new());
        for array in &arrays {
            let turns = ArrowTurns::of(array)?;
            let (batch, bits) = run(py, || normalise_turns(&self.0, turns.view()))?;
            if all.text_values.len() + batch.text_values.len() > i32::MAX as usize {
                return Err(PyValueError::new_err("more than 2 GiB of text: pass fewer rows at once"));
            }
            all.append_turns(&batch);
            changes.extend(bits);
        }
        let rows = all.len();
        let column = if texts {
            ("text", strings(std::mem::take(&mut all.text_offsets), std::mem::take(&mut all.text_values), rows))
        } else {
            ("turns", turns_array(&mut all)?)
        };
        record_batch(vec![column, ("changes", Arc::new(UInt8Array::from(changes)))])
    }
}

/// Names of the bits of `changes`, from the lowest.
#[pyfunction]
pub fn change_names() -> Vec<&'static str> {
    Changes::NAMES.to_vec()
}
