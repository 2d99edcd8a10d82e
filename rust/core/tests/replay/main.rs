//! The fuzz targets without a fuzzer: their stored cases, and random bytes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on must fail")]

mod targets;

use std::path::{Path, PathBuf};
use std::{fs, panic};

use proptest::prelude::*;
use targets::Target;

/// The stored cases of a target, by name.
fn cases(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn replay(target: &str) {
    let (_, check) = find(target);
    let cases = cases(target);
    assert!(cases.len() >= 8, "{target} has {} cases", cases.len());
    for case in cases {
        let bytes = fs::read(&case).unwrap();
        assert!(bytes.len() <= 2048, "{} is long: make it smaller", case.display());
        if let Err(cause) = panic::catch_unwind(|| check(&bytes)) {
            eprintln!("{} fails", case.display());
            panic::resume_unwind(cause);
        }
    }
}

fn find(target: &str) -> (&'static str, Target) {
    *targets::ALL.iter().find(|(name, _)| *name == target).unwrap()
}

/// Bytes in which the first ones, which hold settings, are as likely as those of a text.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\":,\\u\n0 \xe4\xb8\xad\xff"[..]), 0..24_u8];
    prop::collection::vec(byte, 0..200)
}

macro_rules! targets {
    ($($name:ident),*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn stored_cases_pass() {
                replay(stringify!($name));
            }

            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

                #[test]
                fn random_bytes_pass(bytes in bytes()) {
                    find(stringify!($name)).1(&bytes);
                }
            }
        }
    )*
        const NAMED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets!(
    array,
    byte_pair_encoder,
    convert,
    exact_dedup,
    formats,
    language_model,
    lines,
    near_dedup,
    normalise,
    rules,
    shingle
);

#[test]
fn every_target_is_replayed() {
    assert!(targets::ALL.iter().map(|(name, _)| *name).eq(NAMED.iter().copied()));
}
