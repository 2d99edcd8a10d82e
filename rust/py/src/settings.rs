//! Settings of the whole process.

use belle_core::dispatch::{self, Level};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Instruction sets that this processor has, from the plainest.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    Level::ALL.into_iter().filter(|&level| level <= dispatch::detected()).map(Level::name).collect()
}

/// Forces an instruction set, or the best one with `None`.
#[pyfunction]
#[pyo3(signature = (name=None))]
pub fn set_instruction_set(name: Option<&str>) -> PyResult<()> {
    let level = name.map(|name| {
        Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| {
            PyValueError::new_err(format!("unknown instruction set {name:?}: one of {:?}", instruction_sets()))
        })
    });
    dispatch::force(level.transpose()?).map_err(|best| {
        PyValueError::new_err(format!(
            "this processor has no {}: its best is {}",
            name.unwrap_or_default(),
            best.name()
        ))
    })
}

/// Makes the kernels use that many threads, one per processor with 0; returns how many.
#[pyfunction]
pub fn set_threads(threads: usize) -> PyResult<usize> {
    crate::run::use_threads(threads)
}
