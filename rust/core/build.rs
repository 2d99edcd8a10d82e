//! Takes the dictionary out of the source of the crate jieba-rs, which is compiled anyway, and writes it down in a short
//! form for `words`: the crate keeps the file to itself, and a copy in this repository could become another one.

#![allow(clippy::expect_used, clippy::panic, reason = "a build that cannot go on says why and ends")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that `Cargo.toml` asks for, and the FNV-1a of its dictionary: other words would give other results.
const VERSION: &str = "0.11.0";
const HASH: u64 = 0x7942_e99e_5601_5da4;
const PATH_IN_CRATE: &str = "src/data/dict.txt";
/// Names the file where a build keeps crates in a place that is not found.
const OVERRIDE: &str = "BELLE_JIEBA_DICTIONARY";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={OVERRIDE}");
    let text = candidates()
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find(|text| fnv1a(text.as_bytes()) == HASH)
        .unwrap_or_else(|| panic!("no dictionary of jieba-rs {VERSION}; set {OVERRIDE} to its {PATH_IN_CRATE}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder"));
    fs::write(out.join("dictionary.bin"), shortened(&text)).expect("the folder of the build can be written");
}

/// Where the file may be: as named, in cargo's own place, where cargo says that the crate is.
fn candidates() -> Vec<PathBuf> {
    if let Some(path) = env::var_os(OVERRIDE) {
        return vec![path.into()];
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut found: Vec<PathBuf> = sources
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|source| source.path().join(format!("jieba-rs-{VERSION}")).join(PATH_IN_CRATE))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    if found.is_empty() {
        found.extend(asked_of_cargo());
    }
    found
}

/// Vendored crates lie where only cargo's settings say.
fn asked_of_cargo() -> Option<PathBuf> {
    let output = Command::new(env::var_os("CARGO")?)
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform"])
        .arg(env::var_os("TARGET")?)
        .current_dir(env::var_os("CARGO_MANIFEST_DIR")?)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, after) = text.split_once(&format!("\"name\":\"jieba-rs\",\"version\":\"{VERSION}\""))?;
    let (_, after) = after.split_once("\"manifest_path\":\"")?;
    let manifest = after.split('"').next()?.replace("\\\\", "\\");
    Some(Path::new(&manifest).parent()?.join(PATH_IN_CRATE))
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The words in the order of their bytes, each as: a byte with the number of characters that it shares with the word
/// before (high four bits) and of those that follow, less one (low four bits); these as UTF-8; how often the word is, in
/// groups of seven bits, the lowest first, the top bit set on all but the last.
fn shortened(text: &str) -> Vec<u8> {
    let mut words: Vec<(&str, u64)> = text
        .lines()
        .filter_map(|line| {
            let mut parts = line.split_ascii_whitespace();
            Some((parts.next()?, parts.next()?.parse().ok()?))
        })
        .collect();
    words.sort_unstable();
    let mut out = Vec::new();
    let mut before: Vec<char> = Vec::new();
    for (word, mut count) in words {
        let characters: Vec<char> = word.chars().collect();
        let shared = before.iter().zip(&characters).take_while(|(left, right)| left == right).count();
        let rest = characters.len() - shared;
        assert!(shared < 16 && (1..=16).contains(&rest), "a word that the short form has no room for: {word}");
        out.push((shared << 4 | (rest - 1)) as u8);
        out.extend(characters[shared..].iter().collect::<String>().into_bytes());
        while count > 0x7f {
            out.push(count as u8 | 0x80);
            count >>= 7;
        }
        out.push(count as u8);
        before = characters;
    }
    out
}
