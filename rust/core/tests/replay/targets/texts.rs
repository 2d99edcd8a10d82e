//! Small corpora of texts, made from choices so that near duplicates happen, and their rows.

use std::cmp::Ordering;

use belle_core::batch::{Batch, Role, RowScratch, Rows, Turns};
use belle_core::near_dedup::shingle::mix;

use super::choices::Choices;

/// Pieces of which texts are made: few, so that texts meet.
const HAN: &[&str] = &["甲", "乙", "丙", "丁", "请把下面", "，", "！", "a"];
const WORDS: &[&str] = &["a ", "b ", "c ", "d", " ", "\n", "é", "A "];
const ROLES: [Role; 4] = [Role::User, Role::Text, Role::Assistant, Role::System];

/// Rows of some turns each, kept in an order that has nothing to do with their own.
#[derive(Clone, Debug, Default)]
pub struct TextRows {
    pub batch: Batch,
    pub seed: u64,
}

impl TextRows {
    pub fn push(&mut self, turns: &[(Role, String)]) {
        let batch = &mut self.batch;
        for (role, text) in turns {
            batch.text_values.extend_from_slice(text.as_bytes());
            batch.text_offsets.push(batch.text_values.len() as i32);
            batch.roles.push(*role as i8);
        }
        batch.turn_offsets.push(batch.roles.len() as i32);
    }

    /// Row numbers in the order in which rows are kept.
    pub fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by(|&left, &right| self.keep_order(left, right));
        order
    }
}

impl Rows for TextRows {
    fn len(&self) -> usize {
        self.batch.turn_offsets.len() - 1
    }

    fn read<'a>(&'a self, row: u32, _scratch: &'a mut RowScratch) -> (Turns<'a>, usize) {
        (self.batch.view(), row as usize)
    }

    fn keep_order(&self, left: u32, right: u32) -> Ordering {
        mix(self.seed ^ u64::from(left)).cmp(&mix(self.seed ^ u64::from(right)))
    }
}

/// Up to `most` rows, each of new turns, or a copy of an earlier row with a small edit.
pub fn rows(choices: &mut Choices<'_>, most: usize, one_role: bool) -> Vec<Vec<(Role, String)>> {
    let mut rows: Vec<Vec<(Role, String)>> = Vec::new();
    while rows.len() < most && !choices.is_empty() {
        let kind = choices.byte();
        if kind < 0x90 && !rows.is_empty() {
            let mut turns = rows[choices.below(rows.len().min(256))].clone();
            let turn = choices.below(turns.len().max(1));
            if let Some((_, text)) = turns.get_mut(turn) {
                edit(text, choices);
            }
            rows.push(turns);
            continue;
        }
        let pieces = if kind & 1 == 0 { HAN } else { WORDS };
        let turns = if one_role { 1 } else { choices.below(4) };
        let turn = |_| {
            let role = if one_role { Role::Text } else { choices.one_of(&ROLES) };
            (role, choices.text(pieces, 24))
        };
        rows.push((0..turns).map(turn).collect());
    }
    rows
}

/// Changes, inserts or removes one character, or changes nothing.
fn edit(text: &mut String, choices: &mut Choices<'_>) {
    let mut characters: Vec<char> = text.chars().collect();
    let how = choices.below(4);
    if how > 0 {
        let at = choices.below(characters.len().min(255) + 1);
        let end = (at + usize::from(how != 2)).min(characters.len());
        let new = if how == 3 { "" } else { choices.one_of(HAN) };
        characters.splice(at..end, new.chars());
    }
    *text = characters.into_iter().collect();
}
