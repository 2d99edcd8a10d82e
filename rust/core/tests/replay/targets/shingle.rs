//! Texts to code points, shingles and signatures: the same at every instruction set and as the slow way gives them.

use std::collections::{HashMap, HashSet};

use belle_core::batch::Role;
use belle_core::decode::decode;
use belle_core::near_dedup::shingle::{LARGEST_SHINGLE, ShingleBuffers, ShingleSize, shingle_hashes};
use belle_core::near_dedup::sketch::{Permutations, equal_lanes};
use belle_core::text::{Field, Fold, field_points, is_east_asian};

use super::at_every_level;
use super::choices::Choices;
use super::texts::TextRows;

const FIELDS: [Field; 3] = [Field::Conversation, Field::Prompt, Field::Output];

/// The folds that the bits of a byte name.
pub fn fold_of(bits: u8) -> Fold {
    let has = |bit: u8| bits >> bit & 1 == 1;
    Fold { composition: has(0), width: has(1), case: has(2), punctuation: has(3), space: has(4) }
}

/// A field by number.
pub fn field_of(number: u8) -> Field {
    FIELDS[usize::from(number) % FIELDS.len()]
}

/// The text of a row that is compared, slowly; nothing if no turn belongs to the field.
pub fn field_text(turns: &[(Role, String)], field: Field, fold: Fold) -> Option<String> {
    let mut found = None;
    for (_, text) in turns.iter().filter(|(role, _)| field.includes(*role as i8)) {
        let whole: &mut String = found.get_or_insert_default();
        if !text.is_empty() {
            whole.push_str(if whole.is_empty() { "" } else { "\n" });
            fold.apply(text, whole);
        }
    }
    found
}

/// The shingles themselves, slowly; a text shorter than one is its own.
pub fn shingles(text: &str, size: ShingleSize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    if characters.iter().any(|&character| is_east_asian(character.into())) {
        if characters.len() < size.characters {
            return vec![format!("\u{1}{text}")];
        }
        return characters
            .windows(size.characters)
            .map(|window| format!("\u{2}{}", String::from_iter(window)))
            .collect();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() < size.words {
        return vec![format!("\u{3}{text}")];
    }
    words.windows(size.words).map(|window| format!("\u{4}{}", window.join("\u{a0}"))).collect()
}

/// Sizes, folds, lanes, then the text: any bytes, or pieces of Chinese and of words.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let layout = choices.byte();
    let size = |byte: u8| usize::from(byte) % if layout & 1 == 0 { 9 } else { LARGEST_SHINGLE } + 1;
    let size = ShingleSize { characters: size(choices.byte()), words: size(choices.byte()) };
    let size = if layout & 2 == 0 { size } else { ShingleSize { characters: 5, words: 3 } };
    let (fold, field) = (fold_of(choices.byte()), field_of(choices.byte()));
    let lanes = choices.below(80) + 1;
    if layout & 4 != 0 {
        check_any_bytes(choices.rest());
    }
    let text = String::from_utf8_lossy(choices.rest()).into_owned();
    let role = if layout & 8 == 0 { Role::Assistant } else { Role::User };
    let (first, second) = text.split_once('\u{0}').unwrap_or((&text, ""));
    let turns = [(role, first.to_owned()), (Role::Assistant, second.to_owned())];
    let mut rows = TextRows::default();
    rows.push(&[]);
    rows.push(&turns);

    let expected = field_text(&turns, field, fold);
    let points = at_every_level(|| {
        let (mut folded, mut points) = (String::from("left"), vec![7; 9]);
        let found = field_points(rows.batch.view(), 1, field, fold, &mut folded, &mut points);
        assert_eq!(found, expected.is_some());
        points
    });
    let text = expected.unwrap_or_default();
    assert!(points.iter().copied().eq(text.chars().map(u32::from)), "code points of {text:?}");

    let hashes = at_every_level(|| {
        let mut hashes = vec![1, 2, 3];
        shingle_hashes(&points, size, &mut ShingleBuffers::default(), &mut hashes);
        hashes
    });
    let shingles = shingles(&text, size);
    assert_eq!(hashes.len(), shingles.len());
    let pairs: HashSet<_> = hashes.iter().zip(&shingles).collect();
    assert_eq!(pairs.iter().map(|pair| pair.0).collect::<HashSet<_>>().len(), pairs.len(), "two shingles of one hash");
    assert_eq!(pairs.iter().map(|pair| (pair.1, pair.0)).collect::<HashMap<_, _>>().len(), pairs.len());
    check_signature(&hashes, lanes);
}

fn check_signature(hashes: &[u64], lanes: usize) {
    let permutations = Permutations::new(lanes, 3);
    let sign = |hashes: &[u64]| {
        at_every_level(|| {
            let mut signature = vec![0; lanes];
            permutations.sign(hashes, &mut signature);
            signature
        })
    };
    let signature = sign(hashes);
    let turned: Vec<u64> = hashes.iter().rev().chain(hashes).copied().collect();
    assert_eq!(sign(&turned), signature, "order and repeats change nothing");
    // The signature of a union is, lane by lane, of one of the parts.
    let (front, back) = hashes.split_at(hashes.len() / 2);
    let (front, back) = (sign(front), sign(back));
    assert!(signature.iter().zip(front.iter().zip(&back)).all(|(lane, (front, back))| lane == front || lane == back));
    let expected = signature.iter().zip(&front).filter(|(left, right)| left == right).count();
    assert_eq!(at_every_level(|| equal_lanes(&signature, &front)) as usize, expected);
}

/// Bytes that are no text give the same numbers everywhere, and no panic.
fn check_any_bytes(bytes: &[u8]) {
    let points = at_every_level(|| {
        let mut points = Vec::new();
        decode(bytes, &mut points);
        points
    });
    assert!(points.iter().all(|&point| point < 1 << 21));
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(points.into_iter().eq(text.chars().map(u32::from)));
    }
}
