//! A corpus gives the same rows however it is read, and exact duplicates are those of a slow reference.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::HashMap;

use belle_core::batch::{RowScratch, Rows};
use belle_core::corpus::{Corpus, Positions};
use belle_core::exact_dedup::ExactDedup;
use belle_core::groups::Groups;
use belle_core::progress::Progress;
use belle_core::read::Format;
use belle_core::text::{Field, Fold};
use proptest::prelude::*;

const MAX_LINE: usize = 1 << 20;

/// Rows as (number, id, turns), rejected lines as (line, byte), the hash and the number of lines.
type Found = (Vec<(u32, Option<String>, Vec<String>)>, Vec<(u64, u64)>, u128, u64);

fn read(text: &str, chunk: usize, threads: usize, limit: usize) -> (Corpus, Found) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut corpus = Corpus::new();
    let source = corpus.add_source(Box::new(text.to_owned().into_bytes()), Format::Mixed, None);
    let (mut rows, mut rejected, mut at) = (Vec::new(), Vec::new(), 0);
    while (at as usize) < text.len() && corpus.len() < limit {
        let most = limit - corpus.len();
        let read = pool.install(|| corpus.read_chunk(source, at, chunk, MAX_LINE, most)).unwrap();
        at = read.end;
        for row in 0..read.batch.len() {
            let turns = read.batch.view().of(row).map(|(_, text)| String::from_utf8(text.to_vec()).unwrap()).collect();
            let id = read.batch.id(row).map(|id| String::from_utf8(id.to_vec()).unwrap());
            rows.push((read.first_row + row as u32, id, turns));
        }
        rejected.extend(read.rejected.iter().map(|line| (line.line, line.offset)));
    }
    let (hash, lines) = (corpus.source_hash(source), corpus.lines_read(source));
    (corpus, (rows, rejected, hash, lines))
}

fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[甲乙é ]{0,3}".prop_map(|text| format!(r#"{{"id": "{text}", "text": "{text}"}}"#)),
        ("[a-b]{0,2}", "[甲乙]{0,2}")
            .prop_map(|(a, b)| format!(r#"{{"instruction": "{a}", "input": "", "output": "{b}"}}"#)),
        Just(String::new()),
        Just("  ".to_owned()),
        Just("[1]".to_owned()),
        Just("{broken".to_owned()),
    ];
    (proptest::collection::vec(line, 0..40), any::<bool>()).prop_map(|(lines, last)| {
        let end = if last && !lines.is_empty() { "\n" } else { "" };
        lines.join("\n") + end
    })
}

proptest! {
    #[test]
    fn chunks_and_threads_do_not_matter(text in lines(), chunk in 1usize..200, threads in 1usize..4) {
        let (whole_corpus, whole) = read(&text, usize::MAX >> 1, 1, usize::MAX);
        let (_, pieces) = read(&text, chunk, threads, usize::MAX);
        prop_assert_eq!(&whole, &pieces);
        // Every row can be read again, and its line is a line of the text.
        let mut scratch = RowScratch::default();
        for (row, _, turns) in &whole.0 {
            let (view, at) = whole_corpus.read(*row, &mut scratch);
            let again: Vec<String> = view.of(at).map(|(_, text)| String::from_utf8(text.to_vec()).unwrap()).collect();
            prop_assert_eq!(&again, turns);
            let (line, byte) = whole_corpus.place(*row);
            prop_assert_eq!(text.lines().nth(line as usize - 1).unwrap().trim().as_bytes(), whole_corpus.line(*row));
            prop_assert!(text.as_bytes()[byte as usize..].starts_with(whole_corpus.line(*row)));
        }
    }

    #[test]
    fn a_limit_is_a_prefix(text in lines(), chunk in 1usize..200, limit in 1usize..20) {
        let (_, whole) = read(&text, chunk, 1, usize::MAX);
        let (_, some) = read(&text, chunk, 2, limit);
        prop_assert_eq!(&some.0[..], &whole.0[..limit.min(whole.0.len())]);
        // Reading ends with the line of the last row, whatever the chunks: the text cut there is all that was read.
        let end = if some.0.len() == limit { some.3 as usize } else { usize::MAX };
        let cut: String = text.split_inclusive('\n').take(end).collect();
        let (_, short) = read(&cut, usize::MAX >> 1, 1, usize::MAX);
        prop_assert_eq!(some, short);
    }

    #[test]
    fn exact_duplicates_are_those_of_the_reference(text in lines()) {
        let (corpus, (rows, ..)) = read(&text, 100, 2, usize::MAX);
        let mut stage = ExactDedup::new(Field::Conversation, Fold { composition: true, ..Fold::default() });
        let mut scratch = RowScratch::default();
        for (row, ..) in &rows {
            let (view, _) = corpus.read(*row, &mut scratch);
            stage.scan(view, &[*row]);
        }
        let removals = stage.finish(&corpus, None, &Progress::default()).unwrap();
        let text_of = |turns: &[String]| {
            turns.iter().filter(|turn| !turn.is_empty()).cloned().collect::<Vec<_>>().join("\n")
        };
        let mut classes: HashMap<String, Vec<u32>> = HashMap::new();
        for (row, _, turns) in &rows {
            classes.entry(text_of(turns)).or_default().push(*row);
        }
        let mut expected: Vec<(u32, u32)> = Vec::new();
        for mut class in classes.into_values() {
            class.sort_by(|a, b| corpus.keep_order(*a, *b));
            expected.extend(class[1..].iter().map(|&row| (row, class[0])));
        }
        expected.sort_unstable();
        let found: Vec<(u32, u32)> = removals.iter().map(|removal| (removal.row, removal.kept_row)).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(removals.iter().all(|removal| removal.similarity >= 1.0));
    }

    #[test]
    fn groups_have_equal_keys(keys in proptest::collection::vec(0u64..20, 0..60)) {
        let keys: Vec<u64> = keys.into_iter().map(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let numbers: Vec<u32> = (100..100 + keys.len() as u32).collect();
        let groups = Groups::of(&keys, &numbers);
        let mut found: Vec<Vec<u32>> = (0..groups.len()).map(|group| groups.members(group).to_vec()).collect();
        found.sort();
        let mut by_key: HashMap<u64, Vec<u32>> = HashMap::new();
        for (&key, &number) in keys.iter().zip(&numbers) {
            by_key.entry(key).or_default().push(number);
        }
        let mut expected: Vec<Vec<u32>> = by_key.into_values().filter(|group| group.len() >= 2).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn equal_lines_are_kept_in_any_order_of_the_input() {
    let rows =
        [r#"{"text": "甲", "n": 1}"#, r#"{"text": "甲", "n": 2}"#, r#"{"text": "乙"}"#, r#"{"text": "甲", "n": 3}"#];
    let kept = |order: &[usize]| {
        let text = order.iter().map(|&at| rows[at]).collect::<Vec<_>>().join("\n");
        let (corpus, (read, ..)) = read(&text, 7, 1, usize::MAX);
        let mut stage = ExactDedup::new(Field::Conversation, Fold::default());
        let mut scratch = RowScratch::default();
        for (row, ..) in &read {
            let (view, _) = corpus.read(*row, &mut scratch);
            stage.scan(view, &[*row]);
        }
        let removed: Vec<u32> =
            stage.finish(&corpus, None, &Progress::default()).unwrap().iter().map(|removal| removal.row).collect();
        let mut kept: Vec<Vec<u8>> = (0..corpus.len() as u32)
            .filter(|row| !removed.contains(row))
            .map(|row| corpus.line(row).to_vec())
            .collect();
        kept.sort();
        kept
    };
    let expected = kept(&[0, 1, 2, 3]);
    assert_eq!(expected.len(), 2);
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        assert_eq!(kept(&order), expected);
    }
}

#[test]
fn repeated_ids_and_places_of_a_decoded_source() {
    let text = "{\"id\": 1, \"text\": \"a\"}\n{\"id\": \"1\", \"text\": \"b\"}\n{\"id\": 2, \"text\": \"c\"}\n[]\n";
    let mut corpus = Corpus::new();
    let positions = Positions { bytes: vec![5, 40, 80, 120], lines: vec![2, 2, 9, 10] };
    let source = corpus.add_source(Box::new(text.as_bytes().to_vec()), Format::Text, Some(positions));
    let chunk = corpus.read_chunk(source, 0, 1 << 20, MAX_LINE, usize::MAX).unwrap();
    assert_eq!(corpus.repeated_ids(5), (1, vec![0]));
    assert_eq!((corpus.place(1), corpus.place(2)), ((2, 40), (9, 80)));
    assert_eq!((chunk.rejected[0].line, chunk.rejected[0].offset), (10, 120));
}
