//! `belle_data._native`: the kernels of `belle-core` on Python's and Arrow's data. Conversion only.

// The values of Python arguments are made for the call.
#![allow(clippy::needless_pass_by_value)]

mod array;
mod arrow_data;
mod convert;
mod corpus;
mod datasketch;
mod decontaminate;
mod embed;
mod guard;
mod language_model;
mod ledger;
mod normalise;
mod row_texts;
mod rules;
mod run;
mod semantic;
mod settings;
mod stages;
mod vocab;
mod words;

use pyo3::prelude::*;

/// The compiled kernels of belle.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::array::ArraySplitter;
    #[pymodule_export]
    use crate::arrow_data::{ArrowBatch, ArrowRows};
    #[pymodule_export]
    use crate::convert::{KeySearch, Names, convert_lines};
    #[pymodule_export]
    use crate::corpus::{Corpus, detect_format};
    #[pymodule_export]
    use crate::datasketch::datasketch_minhashes;
    #[pymodule_export]
    use crate::decontaminate::EvaluationRows;
    #[pymodule_export]
    use crate::embed::UniversalSentenceEncoder;
    #[pymodule_export]
    use crate::guard::guard_mapped_files;
    #[pymodule_export]
    use crate::language_model::{LanguageModel, LanguageModelSteps};
    #[pymodule_export]
    use crate::ledger::Ledger;
    #[pymodule_export]
    use crate::normalise::{Normalise, change_names};
    #[pymodule_export]
    use crate::row_texts::{language_names, row_languages, row_texts};
    #[pymodule_export]
    use crate::rules::Rules;
    #[pymodule_export]
    use crate::semantic::{ComparedTexts, Guard, SemanticDedup, search_memory, vector_checksums};
    #[pymodule_export]
    use crate::settings::{instruction_sets, set_instruction_set, set_threads};
    #[pymodule_export]
    use crate::stages::{ExactDedup, NearDedup, candidate_probability};
    #[pymodule_export]
    use crate::vocab::{BytePairEncoder, cut_lines};
    #[pymodule_export]
    use crate::words::{Diversity, Words, count_words, cut_words};
}
