#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::cmp::Ordering;
use std::collections::HashSet;

use proptest::prelude::*;

use super::audit::audit_in_parts;
use super::counts::Counts;
use super::reader::{ReadBuffers, Reader};
use crate::batch::{Batch, Role, RowScratch, Rows, Turns};
use crate::near_dedup::shingle::{ShingleSize, mix};
use crate::near_dedup::{NearDedup, Parameters, Removal};
use crate::progress::{Cancelled, Progress};
use crate::text::{Field, Fold};

/// Texts, kept in an order that has nothing to do with their own.
pub struct TextRows(Batch);

impl TextRows {
    pub fn of(texts: &[String]) -> Self {
        let mut batch = Batch::default();
        for text in texts {
            batch.text_values.extend_from_slice(text.as_bytes());
            batch.text_offsets.push(batch.text_values.len() as i32);
            batch.roles.push(Role::Text as i8);
            batch.turn_offsets.push(batch.roles.len() as i32);
        }
        Self(batch)
    }
}

impl Rows for TextRows {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read<'a>(&'a self, row: u32, _scratch: &'a mut RowScratch) -> (Turns<'a>, usize) {
        (self.0.view(), row as usize)
    }

    fn keep_order(&self, left: u32, right: u32) -> Ordering {
        mix(left.into()).cmp(&mix(right.into()))
    }
}

pub fn parameters(threshold: f64, bands: usize, rows_per_band: usize) -> Parameters {
    Parameters {
        field: Field::Conversation,
        fold: Fold::default(),
        shingle: ShingleSize { characters: 2, words: 2 },
        threshold,
        permutations: (bands * rows_per_band).max(16),
        bands,
        rows_per_band,
        seed: 7,
        exact: true,
    }
}

fn shingles(texts: &[String], parameters: &Parameters) -> Vec<HashSet<u64>> {
    let rows = TextRows::of(texts);
    let reader = Reader { parameters, rows: &rows };
    let mut buffers = ReadBuffers::default();
    (0..texts.len() as u32).map(|row| reader.distinct(row, &mut buffers).iter().copied().collect()).collect()
}

fn similarity(left: &HashSet<u64>, right: &HashSet<u64>) -> f64 {
    let shared = left.intersection(right).count();
    shared as f64 / (left.len() + right.len() - shared) as f64
}

fn finish(texts: &[String], parameters: &Parameters, alive: Option<&[bool]>) -> Vec<Removal> {
    let rows = TextRows::of(texts);
    let mut stage = NearDedup::new(parameters.clone());
    stage.scan(rows.0.view(), &(0..texts.len() as u32).collect::<Vec<_>>());
    stage.finish(&rows, alive, &Progress::default()).unwrap().removals
}

/// The kept rows, slowly: each row in order against all that are kept.
fn reference(texts: &[String], parameters: &Parameters, alive: Option<&[bool]>) -> Vec<u32> {
    let sets = shingles(texts, parameters);
    let mut order: Vec<u32> =
        (0..texts.len() as u32).filter(|&row| alive.is_none_or(|alive| alive[row as usize])).collect();
    order.sort_by_key(|&row| mix(row.into()));
    let mut kept: Vec<u32> = Vec::new();
    for row in order {
        if kept.iter().all(|&other| similarity(&sets[row as usize], &sets[other as usize]) < parameters.threshold) {
            kept.push(row);
        }
    }
    kept.sort_unstable();
    kept
}

fn check(texts: &[String], parameters: &Parameters, alive: Option<&[bool]>) -> Result<(), TestCaseError> {
    let removals = finish(texts, parameters, alive);
    let sets = shingles(texts, parameters);
    let removed: HashSet<u32> = removals.iter().map(|removal| removal.row).collect();
    prop_assert_eq!(removed.len(), removals.len());
    prop_assert!(removals.is_sorted_by_key(|removal| removal.row));
    for removal in &removals {
        let (row, kept_row) = (removal.row as usize, removal.kept_row as usize);
        prop_assert!(!removed.contains(&removal.kept_row));
        prop_assert!(mix(kept_row as u64) < mix(row as u64));
        prop_assert_eq!(removal.similarity.to_bits(), similarity(&sets[row], &sets[kept_row]).to_bits());
        prop_assert!(removal.similarity >= parameters.threshold);
    }
    let stands = |row: &u32| alive.is_none_or(|alive| alive[*row as usize]) && !removed.contains(row);
    let kept: Vec<u32> = (0..texts.len() as u32).filter(stands).collect();
    if parameters.exact {
        prop_assert_eq!(kept, reference(texts, parameters, alive));
    }
    Ok(())
}

/// Texts of few characters, copies with small edits, a template that is filled in, texts of words.
fn corpus() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        3 => "[甲乙丙丁]{0,14}",
        2 => "[甲乙]{0,8}",
        2 => "请把下面的句子翻译成英文[一-九]{1,6}",
        1 => "(a|b|c){1,3}( (a|b|c)){0,8}",
    ];
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[甲乙丙丁]{0,2}");
    (prop::collection::vec(text, 1..40), prop::collection::vec(edit, 0..60)).prop_map(|(mut texts, edits)| {
        for (source, place, inserted) in edits {
            // A copy of any text so far: chains come of themselves.
            let mut points: Vec<char> = source.get(&texts).chars().collect();
            let at = place.index(points.len() + 1);
            points.truncate(points.len().max(at));
            points.splice(at..points.len().min(at + 1), inserted.chars());
            texts.push(points.into_iter().collect());
        }
        texts
    })
}

fn threshold() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.5), Just(0.8), Just(0.95), Just(1.0), Just(2.0 / 3.0), 0.05..1.0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn exact_is_the_first_maximal_independent_set(
        texts in corpus(), threshold in threshold(), (bands, rows) in prop_oneof![Just((1, 1)), Just((1, 4)), Just((1, 16)), Just((8, 2)), Just((24, 4))],
    ) {
        check(&texts, &parameters(threshold, bands, rows), None)?;
    }

    #[test]
    fn rows_that_do_not_stand_take_no_part(texts in corpus(), threshold in threshold(), seed: u64) {
        let alive: Vec<bool> = (0..texts.len() as u64).map(|row| !mix(row ^ seed).is_multiple_of(3)).collect();
        check(&texts, &parameters(threshold, 1, 16), Some(&alive))?;
    }

    #[test]
    fn an_audit_in_turns_finds_every_pair(texts in corpus(), threshold in threshold(), parts in 1usize..5) {
        let (parameters, rows) = (parameters(threshold, 1, 1), TextRows::of(&texts));
        let reader = Reader { parameters: &parameters, rows: &rows };
        let numbers: Vec<u32> = (0..texts.len() as u32).collect();
        let audit = audit_in_parts(&reader, &numbers, Counts::new(0), parts, &Progress::default()).unwrap();
        let found: HashSet<_> = audit.edges.iter().map(|edge| (edge.left.min(edge.right), edge.left.max(edge.right))).collect();
        let sets = shingles(&texts, &parameters);
        let similar = |left: u32, right: u32| similarity(&sets[left as usize], &sets[right as usize]) >= threshold;
        let all = numbers.iter().flat_map(|&right| (0..right).map(move |left| (left, right)));
        prop_assert_eq!(found, all.filter(|&(left, right)| similar(left, right)).collect::<HashSet<_>>());
    }

    #[test]
    fn banded_removals_are_true(texts in corpus(), threshold in threshold()) {
        check(&texts, &Parameters { exact: false, ..parameters(threshold, 4, 3) }, None)?;
    }
}

#[test]
fn rows_that_lose_their_keeper_come_back() {
    // Clusters of one text with many near copies, hardly any of which share a band.
    let texts: Vec<String> = (0..1_500u64)
        .map(|row| {
            let edits = mix(row * 3 + 1) % 5;
            let mut points: Vec<char> = (0..40)
                .map(|at| char::from_u32(0x4e00 + (mix(row / 500 * 100 + at) % 3_000) as u32).unwrap())
                .collect();
            for edit in 0..edits {
                let draw = mix(row * 31 + edit);
                points[(draw % 40) as usize] = char::from_u32(0x5e00 + (draw >> 32) as u32 % 3).unwrap();
            }
            points.into_iter().collect()
        })
        .collect();
    for (bands, rows) in [(1, 16), (2, 6), (24, 4)] {
        for threshold in [0.6, 0.8, 0.9] {
            check(&texts, &parameters(threshold, bands, rows), None).unwrap();
        }
    }
}

#[test]
fn exactly_at_the_threshold_is_a_pair() {
    // 9 and 9 shingles of which 8 are shared by all: 8 / 10.
    let texts = ["甲乙丙丁戊己庚辛壬癸", "甲乙丙丁戊己庚辛壬子"].map(String::from);
    let parameters = parameters(0.8, 1, 16);
    let removals = finish(&texts, &parameters, None);
    assert_eq!(removals.len(), 1);
    assert!((removals[0].similarity - 0.8).abs() < f64::EPSILON);
    assert!(finish(&texts, &Parameters { threshold: 0.8f64.next_up(), ..parameters }, None).is_empty());
}

#[test]
fn long_texts_and_none() {
    assert!(finish(&[], &parameters(0.8, 4, 4), None).is_empty());
    let long = |row: u64| -> String {
        (0..5_000u64)
            .map(|at| {
                char::from_u32(0x4e00 + (mix(if at % 9 == 0 { at ^ row << 32 } else { at }) % 20_000) as u32).unwrap()
            })
            .collect()
    };
    let texts: Vec<String> = (0..12).map(long).collect();
    for threshold in [0.5, 0.6, 0.65, 0.7] {
        check(&texts, &parameters(threshold, 1, 16), None).unwrap();
    }
}

#[test]
fn a_cancelled_join_stops() {
    let texts: Vec<String> = (0..50).map(|row| format!("第{row}行")).collect();
    let progress = Progress::default();
    progress.cancel();
    let rows = TextRows::of(&texts);
    let stands: Vec<u32> = (0..50).collect();
    let result = super::complete(&parameters(0.8, 1, 16), &rows, &stands, Vec::new(), &progress);
    assert_eq!(result, Err(Cancelled));
}
