//! The kernels of belle: pure Rust, no Python, no file I/O, no printing, no environment variables.
//!
//! `read` turns lines of JSON into batches of conversations, `corpus` gives back the text of any row,
//! `normalise` brings texts into one form, `exact_dedup` and `near_dedup` decide which rows are duplicates of which;
//! `embed` turns texts into vectors, `semantic_dedup` finds the pairs among these, `guard` tells which pairs differ in a
//! number, a denial or a name, `compared_texts` reads the texts. `dispatch` picks the instruction set; every kernel is
//! compiled once per set from one source, so that the bytes are equal.

pub mod batch;
pub mod compared_texts;
pub mod corpus;
pub mod decode;
pub mod decontaminate;
pub mod dispatch;
pub mod diversity;
pub mod embed;
pub mod exact_dedup;
pub mod groups;
pub mod guard;
pub mod json;
pub mod language_model;
pub mod languages;
pub mod ledger;
pub mod memory;
pub mod near_dedup;
pub mod normalise;
pub mod progress;
pub mod read;
pub mod rules;
pub mod semantic_dedup;
pub mod text;
pub mod vocab;
pub mod words;
