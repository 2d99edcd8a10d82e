//! The texts by which rows are compared for their meaning: read once, rows with equal ones joined.

use std::collections::HashMap;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use crate::batch::{Role, RowScratch, Rows, Turns};
use crate::progress::{Cancelled, Progress};
use crate::text::Field;

/// A text of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedField {
    /// All turns that are not the model's, joined by line feeds.
    Prompt,
    /// The first line of the user's last turn: what is asked, where an input follows it.
    Instruction,
    /// The model's turns, joined by line feeds.
    Output,
}

impl ComparedField {
    /// The field of that name: `prompt`, `instruction` or `output`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "prompt" => Some(Self::Prompt),
            "instruction" => Some(Self::Instruction),
            "output" => Some(Self::Output),
            _ => None,
        }
    }

    /// Appends the text of a row, without the white space at its ends.
    pub fn append(self, turns: Turns<'_>, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Prompt => append_joined(turns, row, Field::Prompt, out),
            Self::Output => append_joined(turns, row, Field::Output, out),
            Self::Instruction => {
                let asked = turns.of(row).filter(|&(role, _)| role == Role::User as i8).last();
                let text = asked.map_or(&[][..], |(_, text)| text.trim_ascii());
                let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
                out.extend_from_slice(line.trim_ascii());
            }
        }
    }
}

fn append_joined(turns: Turns<'_>, row: usize, field: Field, out: &mut Vec<u8>) {
    let start = out.len();
    for (_, text) in turns.of(row).filter(|&(role, _)| field.includes(role)) {
        let text = text.trim_ascii();
        if !text.is_empty() {
            if out.len() > start {
                out.push(b'\n');
            }
            out.extend_from_slice(text);
        }
    }
}

/// Different texts, one after the other.
#[derive(Clone, Debug)]
pub struct Texts {
    values: Vec<u8>,
    offsets: Vec<u64>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { values: Vec::new(), offsets: vec![0] }
    }
}

impl Texts {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The UTF-8 of a text.
    #[must_use]
    pub fn get(&self, text: u32) -> &[u8] {
        let at = text as usize;
        &self.values[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    /// A hash of 128 bits for each text, XXH3, by which a vector is known that was made before.
    #[must_use]
    pub fn hashes(&self) -> Vec<u128> {
        (0..self.len() as u32).into_par_iter().map(|text| xxh3_128(self.get(text))).collect()
    }

    fn push(&mut self, text: &[u8]) {
        self.values.extend_from_slice(text);
        self.offsets.push(self.values.len() as u64);
    }

    /// The same texts in another order: those that stand first in the lists of `fields` numbers, then the others. The
    /// lists get the new numbers.
    fn renumbered(&self, lists: &mut [u32], fields: usize) -> Self {
        let mut number = vec![u32::MAX; self.len()];
        let mut texts = Self { values: Vec::with_capacity(self.values.len()), ..Self::default() };
        for first in [true, false] {
            for (place, text) in lists.iter().enumerate() {
                let is_first = place % fields.max(1) == 0;
                if is_first == first && number[*text as usize] == u32::MAX {
                    number[*text as usize] = texts.len() as u32;
                    texts.push(self.get(*text));
                }
            }
        }
        for text in lists {
            *text = number[*text as usize];
        }
        texts
    }
}

/// Gives different texts different numbers.
#[derive(Default)]
struct Numbers {
    texts: Texts,
    by_hash: HashMap<u128, u32>,
}

impl Numbers {
    /// The number of a text, which is new if it is the first of its kind.
    fn of(&mut self, text: &[u8], mut hash: u128) -> u32 {
        loop {
            match self.by_hash.get(&hash) {
                Some(&known) if self.texts.get(known) == text => return known,
                // Two texts with one hash of 128 bits: nobody has seen such, and they are told apart all the same.
                Some(_) => hash = hash.wrapping_add(1),
                None => {
                    let number = self.texts.len() as u32;
                    self.by_hash.insert(hash, number);
                    self.texts.push(text);
                    return number;
                }
            }
        }
    }
}

/// Rows in groups whose texts are equal in every field. A row whose first field is empty is in none.
#[derive(Clone, Debug, Default)]
pub struct ComparedTexts {
    /// The different texts: those of the first field, in the order in which rows with them are kept, then the others.
    pub texts: Texts,
    fields: usize,
    texts_of: Vec<u32>,
    rows: Vec<u32>,
    starts: Vec<u32>,
}

/// Rows that are read before their texts are numbered.
const ROWS_AT_ONCE: usize = 1 << 15;
/// Rows that one task reads.
const ROWS_PER_TASK: usize = 256;
/// Fields that a row can be compared by.
const MOST_FIELDS: usize = 3;

impl ComparedTexts {
    /// Reads the rows for which `alive` holds (all, without it). Groups come in the order in which their first rows are
    /// kept, and so do the rows of a group.
    ///
    /// # Errors
    /// [`Cancelled`], if `progress` says so.
    pub fn read(
        rows: &dyn Rows,
        alive: Option<&[bool]>,
        fields: &[ComparedField],
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        let stands = |&row: &u32| alive.is_none_or(|alive| alive[row as usize]);
        let mut order: Vec<u32> = (0..rows.len() as u32).filter(stands).collect();
        order.par_sort_unstable_by(|&left, &right| rows.keep_order(left, right));
        progress.expect(order.len() as u64);
        let mut numbers_of = Numbers::default();
        let mut groups: HashMap<[u32; MOST_FIELDS], u32> = HashMap::new();
        let mut texts_of = Vec::new();
        let mut group_of = Vec::with_capacity(order.len());
        let fields = &fields[..fields.len().min(MOST_FIELDS)];
        for numbers in order.chunks(ROWS_AT_ONCE) {
            progress.check()?;
            let parts: Vec<Part> =
                numbers.par_chunks(ROWS_PER_TASK).map(|numbers| Part::read(rows, numbers, fields)).collect();
            for row in parts.iter().flat_map(Part::rows) {
                let Some(first) = row.first().filter(|(text, _)| !text.is_empty()) else {
                    group_of.push(NO_GROUP);
                    continue;
                };
                let mut key = [u32::MAX; MOST_FIELDS];
                for (place, (text, hash)) in std::iter::once(first).chain(&row[1..]).enumerate() {
                    key[place] = numbers_of.of(text, *hash);
                }
                let next = groups.len() as u32;
                let group = *groups.entry(key).or_insert(next);
                if group == next {
                    texts_of.extend_from_slice(&key[..fields.len()]);
                }
                group_of.push(group);
            }
            progress.advance(numbers.len() as u64);
        }
        let mut starts = vec![0_u32; groups.len() + 1];
        for &group in group_of.iter().filter(|&&group| group != NO_GROUP) {
            starts[group as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut fill = starts.clone();
        let mut members = vec![0; starts.last().copied().unwrap_or(0) as usize];
        for (&row, &group) in order.iter().zip(&group_of).filter(|&(_, &group)| group != NO_GROUP) {
            let at = &mut fill[group as usize];
            members[*at as usize] = row;
            *at += 1;
        }
        let texts = numbers_of.texts.renumbered(&mut texts_of, fields.len());
        Ok(Self { texts, fields: fields.len(), texts_of, rows: members, starts })
    }

    /// Number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of a group, in the order of keeping.
    #[must_use]
    pub fn rows_of(&self, group: u32) -> &[u32] {
        &self.rows[self.starts[group as usize] as usize..self.starts[group as usize + 1] as usize]
    }

    /// For each text the first row with it, in the order of keeping.
    #[must_use]
    pub fn first_rows(&self) -> Vec<u32> {
        let mut first = vec![u32::MAX; self.texts.len()];
        for group in 0..self.len() as u32 {
            for &text in self.texts_of(group) {
                let row = &mut first[text as usize];
                if *row == u32::MAX {
                    *row = self.rows_of(group)[0];
                }
            }
        }
        first
    }

    /// The text of the first field of each group.
    #[must_use]
    pub fn first_texts(&self) -> Vec<u32> {
        (0..self.len() as u32).map(|group| self.texts_of(group)[0]).collect()
    }

    /// The texts of a group, one for each field.
    #[must_use]
    pub fn texts_of(&self, group: u32) -> &[u32] {
        &self.texts_of[group as usize * self.fields..][..self.fields]
    }
}

const NO_GROUP: u32 = u32::MAX;

/// The texts of some rows.
struct Part {
    fields: usize,
    values: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u128>,
}

impl Part {
    fn read(rows: &dyn Rows, numbers: &[u32], fields: &[ComparedField]) -> Self {
        let mut part = Self { fields: fields.len(), values: Vec::new(), ends: vec![0], hashes: Vec::new() };
        let mut scratch = RowScratch::default();
        for &row in numbers {
            let (turns, at) = rows.read(row, &mut scratch);
            for field in fields {
                let start = part.values.len();
                field.append(turns, at, &mut part.values);
                part.hashes.push(xxh3_128(&part.values[start..]));
                part.ends.push(part.values.len());
            }
        }
        part
    }

    /// Each row's texts with their hashes.
    fn rows(&self) -> impl Iterator<Item = Vec<(&[u8], u128)>> {
        let rows = self.hashes.len().checked_div(self.fields).unwrap_or(0);
        (0..rows).map(|row| {
            let places = row * self.fields..(row + 1) * self.fields;
            places.map(|at| (&self.values[self.ends[at]..self.ends[at + 1]], self.hashes[at])).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::batch::Batch;

    struct Kept(Batch);

    impl Rows for Kept {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn read<'a>(&'a self, row: u32, _: &'a mut RowScratch) -> (Turns<'a>, usize) {
            (self.0.view(), row as usize)
        }

        fn keep_order(&self, left: u32, right: u32) -> Ordering {
            right.cmp(&left)
        }
    }

    fn rows(rows: &[&[(Role, &str)]]) -> Kept {
        let mut batch = Batch::default();
        for row in rows {
            batch.push_turns(row.iter().map(|&(role, text)| (role as i8, text.as_bytes())));
        }
        Kept(batch)
    }

    fn text(texts: &ComparedTexts, group: u32, field: usize) -> String {
        String::from_utf8_lossy(texts.texts.get(texts.texts_of(group)[field])).into_owned()
    }

    #[test]
    fn equal_texts_are_one_group_in_the_order_of_keeping() -> Result<(), Cancelled> {
        use Role::{Assistant, System, Text, User};
        let kept = rows(&[
            &[(User, "列出颜色\n红，绿"), (Assistant, "红")],
            &[(User, " 列出颜色\n红，绿\n"), (Assistant, "绿")],
            &[(System, "短"), (User, "好"), (Assistant, ""), (User, "再见\n吧")],
            &[(Text, "没有问题")],
            &[(User, " \n"), (Assistant, "空")],
            &[(User, "列出颜色"), (Assistant, "红")],
        ]);
        let fields = [ComparedField::Prompt, ComparedField::Instruction];
        let texts = ComparedTexts::read(&kept, None, &fields, &Progress::default())?;
        assert_eq!(
            (0..texts.len() as u32).map(|group| texts.rows_of(group)).collect::<Vec<_>>(),
            [&[5][..], &[2], &[1, 0]]
        );
        assert_eq!((text(&texts, 0, 0), text(&texts, 0, 1)), ("列出颜色".into(), "列出颜色".into()));
        assert_eq!((text(&texts, 1, 0), text(&texts, 1, 1)), ("短\n好\n再见\n吧".into(), "再见".into()));
        assert_eq!((text(&texts, 2, 0), text(&texts, 2, 1)), ("列出颜色\n红，绿".into(), "列出颜色".into()));
        let firsts: Vec<u32> = (0..3).map(|group| texts.texts_of(group)[0]).collect();
        assert_eq!((firsts, texts.texts.len()), (vec![0, 1, 2], 4));
        let alive = [false, true, false, true, true, false];
        let texts = ComparedTexts::read(&kept, Some(&alive), &fields[..1], &Progress::default())?;
        assert_eq!((texts.len(), texts.rows_of(0)), (1, &[1][..]));
        let cancelled = Progress::default();
        cancelled.cancel();
        assert!(ComparedTexts::read(&kept, None, &fields, &cancelled).is_err());
        Ok(())
    }
}
