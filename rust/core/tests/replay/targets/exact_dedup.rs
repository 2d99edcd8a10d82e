//! Equal texts through a corpus that is read in chunks of any size: the groups are those of the texts themselves.

use std::collections::HashMap;

use belle_core::batch::{Role, Rows};
use belle_core::corpus::Corpus;
use belle_core::exact_dedup::ExactDedup;
use belle_core::near_dedup::Removal;
use belle_core::progress::Progress;
use belle_core::read::Format;
use serde_json::json;

use super::choices::Choices;
use super::shingle::{field_of, field_text, fold_of};
use super::texts;
use super::{with_any_threads, with_one_thread};

const MAX_LINE: usize = 1 << 20;

/// Settings, then rows.
pub fn check(data: &[u8]) {
    with_one_thread(|| check_alone(data));
}

fn check_alone(data: &[u8]) {
    let mut choices = Choices::of(data);
    let layout = choices.byte();
    let (field, fold) = (field_of(choices.byte()), fold_of(choices.byte()));
    let chunk = usize::from(choices.byte()) * if layout & 1 == 0 { 1 } else { 64 };
    let alive_bits = if layout & 4 == 0 { None } else { Some(choices.byte()) };
    let mut turns = texts::rows(&mut choices, 60, false);
    // Lines of `sharegpt` hold no plain text.
    for (role, _) in turns.iter_mut().flatten().filter(|(role, _)| *role == Role::Text) {
        *role = Role::Observation;
    }
    let sources: Vec<Vec<u8>> =
        if layout & 8 == 0 { vec![lines(&turns)] } else { turns.chunks(turns.len() / 3 + 1).map(lines).collect() };
    // A row without a turn is none.
    let turns: Vec<_> = turns.into_iter().filter(|turns| !turns.is_empty()).collect();
    let alive: Option<Vec<bool>> =
        alive_bits.map(|bits| (0..turns.len()).map(|row| bits >> (row % 7) & 1 == 0).collect());

    let (removals, order) = with_any_threads(|| {
        let mut corpus = Corpus::new();
        let mut stage = ExactDedup::new(field, fold);
        for source in &sources {
            let number = corpus.add_source(Box::new(source.clone()), Format::Sharegpt, None);
            let mut at = 0;
            while (at as usize) < source.len() {
                let read = corpus.read_chunk(number, at, chunk, MAX_LINE, usize::MAX).unwrap();
                let rows: Vec<u32> = (read.first_row..read.first_row + read.batch.len() as u32).collect();
                stage.scan(read.batch.view(), &rows);
                at = read.end;
            }
        }
        assert_eq!(corpus.len(), turns.len());
        let mut order: Vec<u32> = (0..corpus.len() as u32).collect();
        order.sort_by(|&left, &right| corpus.keep_order(left, right));
        (stage.finish(&corpus, alive.as_deref(), &Progress::default()).unwrap(), order)
    });

    let mut first: HashMap<String, u32> = HashMap::new();
    let mut expected = Vec::new();
    for row in order.into_iter().filter(|&row| alive.as_ref().is_none_or(|alive| alive[row as usize])) {
        if let Some(text) = field_text(&turns[row as usize], field, fold) {
            let kept_row = *first.entry(text).or_insert(row);
            if kept_row != row {
                expected.push(Removal { row, kept_row, similarity: 1.0, equal_lanes: 0 });
            }
        }
    }
    expected.sort_unstable_by_key(|removal| removal.row);
    assert_eq!(removals, expected);
}

/// Rows as lines of `sharegpt`; those without a turn are rejected there.
fn lines(rows: &[Vec<(Role, String)>]) -> Vec<u8> {
    let mut lines = Vec::new();
    for turns in rows {
        let turn = |(role, text): &(Role, String)| json!({"from": Role::NAMES[*role as usize], "value": text});
        let turns: Vec<_> = turns.iter().map(turn).collect();
        lines.extend_from_slice(json!({ "conversations": turns }).to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}
