//! What each fuzz target checks: one function from bytes to a panic or none.
//!
//! `fuzz/` calls these with bytes that a fuzzer finds, the tests beside this folder with the stored ones and with
//! random ones. They must be deterministic, and quick on a few hundred bytes.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a panic is what a target reports")]
#![allow(
    clippy::option_option,
    clippy::type_complexity,
    reason = "a part may be no part, or one without text; what is compared are tuples"
)]
#![allow(missing_docs, reason = "each file says what its target checks")]

pub mod array;
pub mod byte_pair_encoder;
pub mod choices;
pub mod convert;
pub mod exact_dedup;
pub mod formats;
pub mod language_model;
pub mod lines;
pub mod near_dedup;
pub mod normalise;
pub mod reference;
pub mod row_text;
pub mod rules;
pub mod shingle;
pub mod texts;

use std::fmt::Debug;
use std::sync::{Mutex, OnceLock, PoisonError};

use belle_core::dispatch::{Level, force};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A target: what it checks, for the bytes of one input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file, of its corpus, and of its fuzzer.
pub const ALL: [(&str, Target); 11] = [
    ("array", array::check),
    ("byte_pair_encoder", byte_pair_encoder::check),
    ("convert", convert::check),
    ("exact_dedup", exact_dedup::check),
    ("formats", formats::check),
    ("language_model", language_model::check),
    ("lines", lines::check),
    ("near_dedup", near_dedup::check),
    ("normalise", normalise::check),
    ("rules", rules::check),
    ("shingle", shingle::check),
];

/// What `compute` gives, which must be the same at every instruction set of this processor.
pub fn at_every_level<T: PartialEq + Debug>(compute: impl Fn() -> T) -> T {
    // The level is the process's: two that change it at once would compare a level with itself.
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    force(Some(Level::Baseline)).unwrap();
    let expected = compute();
    for level in [Level::Avx2, Level::Avx512] {
        if force(Some(level)).is_ok() {
            assert_eq!(compute(), expected, "{} and baseline", level.name());
        }
    }
    force(None).unwrap();
    drop(alone);
    expected
}

/// Pools of one thread and of two.
fn pools() -> &'static [ThreadPool; 2] {
    static POOLS: OnceLock<[ThreadPool; 2]> = OnceLock::new();
    POOLS.get_or_init(|| [1, 2].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap()))
}

/// Runs all of `compute` on one thread, which then waits for no other.
pub fn with_one_thread<T: Send>(compute: impl FnOnce() -> T + Send) -> T {
    pools()[0].install(compute)
}

/// What `compute` gives, which must be the same with one thread and with two.
pub fn with_any_threads<T: PartialEq + Debug + Send>(compute: impl Fn() -> T + Sync) -> T {
    let [one, two] = pools().each_ref().map(|pool| pool.install(&compute));
    assert_eq!(one, two, "one thread and two");
    one
}
