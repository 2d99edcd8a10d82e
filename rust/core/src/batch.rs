//! The columns that reading produces: one entry per row, per turn, per byte of text.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::near_dedup::shingle::mix;
use crate::read::LineReader;

/// Who speaks a turn. The discriminant is the code in the role column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Role {
    /// Instructions that frame the whole conversation.
    System = 0,
    /// The person who asks; every spelling of `human`, `user`, `prompter`.
    User = 1,
    /// The model that answers; every spelling of `gpt`, `assistant`, `bot`.
    Assistant = 2,
    /// A call that the model makes: `function_call`, `tool_call`.
    FunctionCall = 3,
    /// What a tool gave back: `observation`, `tool`, `function`.
    Observation = 4,
    /// Plain text that nobody speaks: the `text` format.
    Text = 5,
}

impl Role {
    /// Names of the roles, at the index of their code.
    pub const NAMES: [&str; 6] = ["system", "user", "assistant", "function_call", "observation", "text"];
}

/// Rows read from consecutive lines, in columns. Offsets have one entry more than there are items.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Byte in the source at which the line of each row begins.
    pub line_offset: Vec<u64>,
    /// Bytes of the line, without its end of line and without surrounding white space.
    pub line_length: Vec<u32>,
    /// Number of the line in the source, from 1.
    pub line_number: Vec<u64>,
    /// Whether the row brought an id of its own.
    pub has_id: Vec<bool>,
    /// Where each row's id begins in `id_values`.
    pub id_offsets: Vec<i32>,
    /// The ids' UTF-8, one after the other: strings unescaped, numbers as they were written.
    pub id_values: Vec<u8>,
    /// Parts of the row's content that are no text (images, audio), which a rule may judge.
    pub non_text_parts: Vec<u16>,
    /// Where each row's turns begin in `roles`.
    pub turn_offsets: Vec<i32>,
    /// Code of the speaker of each turn, see [`Role`].
    pub roles: Vec<i8>,
    /// Where each turn's text begins in `text_values`.
    pub text_offsets: Vec<i32>,
    /// The turns' UTF-8, one after the other, escapes resolved.
    pub text_values: Vec<u8>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            line_offset: Vec::new(),
            line_length: Vec::new(),
            line_number: Vec::new(),
            has_id: Vec::new(),
            id_offsets: vec![0],
            id_values: Vec::new(),
            non_text_parts: Vec::new(),
            turn_offsets: vec![0],
            roles: Vec::new(),
            text_offsets: vec![0],
            text_values: Vec::new(),
        }
    }
}

impl Batch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.turn_offsets.len() - 1
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every row and keeps the allocations.
    pub fn clear(&mut self) {
        self.line_offset.clear();
        self.line_length.clear();
        self.line_number.clear();
        self.has_id.clear();
        self.id_offsets.truncate(1);
        self.id_values.clear();
        self.non_text_parts.clear();
        self.turn_offsets.truncate(1);
        self.roles.clear();
        self.text_offsets.truncate(1);
        self.text_values.clear();
    }

    /// Appends the rows of another batch.
    pub fn append(&mut self, other: &Self) {
        let ids = self.id_values.len() as i32;
        self.line_offset.extend_from_slice(&other.line_offset);
        self.line_length.extend_from_slice(&other.line_length);
        self.line_number.extend_from_slice(&other.line_number);
        self.has_id.extend_from_slice(&other.has_id);
        self.id_offsets.extend(other.id_offsets[1..].iter().map(|&offset| offset + ids));
        self.id_values.extend_from_slice(&other.id_values);
        self.non_text_parts.extend_from_slice(&other.non_text_parts);
        self.append_turns(other);
    }

    /// Appends the turns of another batch, and nothing else of its rows.
    pub fn append_turns(&mut self, other: &Self) {
        let (turns, bytes) = (self.roles.len() as i32, self.text_values.len() as i32);
        self.turn_offsets.extend(other.turn_offsets[1..].iter().map(|&offset| offset + turns));
        self.roles.extend_from_slice(&other.roles);
        self.text_offsets.extend(other.text_offsets[1..].iter().map(|&offset| offset + bytes));
        self.text_values.extend_from_slice(&other.text_values);
    }

    /// Appends a row of turns, as role code and UTF-8 text, that stands on no line.
    pub fn push_turns<'a>(&mut self, turns: impl Iterator<Item = (i8, &'a [u8])>) {
        for (role, text) in turns {
            self.roles.push(role);
            self.text_values.extend_from_slice(text);
            self.text_offsets.push(self.text_values.len() as i32);
        }
        self.turn_offsets.push(self.roles.len() as i32);
        self.line_offset.push(0);
        self.line_length.push(0);
        self.line_number.push(0);
        self.has_id.push(false);
        self.id_offsets.push(self.id_values.len() as i32);
        self.non_text_parts.push(0);
    }

    /// A view of the turns.
    #[must_use]
    pub fn view(&self) -> Turns<'_> {
        Turns {
            turn_offsets: &self.turn_offsets,
            roles: &self.roles,
            text_offsets: &self.text_offsets,
            text_values: &self.text_values,
        }
    }

    /// Removes every row from `rows` on, and what was appended after the last whole row.
    ///
    /// A row counts as whole when its end stands in `turn_offsets`; more rows than there are change nothing.
    pub fn truncate(&mut self, rows: usize) {
        if rows > self.len() {
            return;
        }
        let turns = self.turn_offsets[rows] as usize;
        self.line_offset.truncate(rows);
        self.line_length.truncate(rows);
        self.line_number.truncate(rows);
        self.has_id.truncate(rows);
        self.id_offsets.truncate(rows + 1);
        self.id_values.truncate(self.id_offsets[rows] as usize);
        self.non_text_parts.truncate(rows);
        self.turn_offsets.truncate(rows + 1);
        self.roles.truncate(turns);
        self.text_offsets.truncate(turns + 1);
        self.text_values.truncate(self.text_offsets[turns] as usize);
    }

    /// The turns of a row, as role code and text.
    pub fn turns(&self, row: usize) -> impl Iterator<Item = (i8, &[u8])> {
        let turns = self.turn_offsets[row] as usize..self.turn_offsets[row + 1] as usize;
        turns.map(|turn| {
            let text = self.text_offsets[turn] as usize..self.text_offsets[turn + 1] as usize;
            (self.roles[turn], &self.text_values[text])
        })
    }

    /// The row's own id, if it brought one.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<&[u8]> {
        let id = self.id_offsets[row] as usize..self.id_offsets[row + 1] as usize;
        self.has_id[row].then(|| &self.id_values[id])
    }
}

/// The turns of some rows, wherever the columns lie: in a [`Batch`] or in Arrow arrays.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'a> {
    /// Where each row's turns begin, one entry more than rows.
    pub turn_offsets: &'a [i32],
    /// Code of the speaker of each turn.
    pub roles: &'a [i8],
    /// Where each turn's text begins, one entry more than turns.
    pub text_offsets: &'a [i32],
    /// The turns' UTF-8.
    pub text_values: &'a [u8],
}

impl<'a> Turns<'a> {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.turn_offsets.len() - 1
    }

    /// A hash of each row's turns, texts and roles, that does not depend on where the row stands.
    #[must_use]
    pub fn content_hashes(self) -> Vec<u64> {
        (0..self.rows()).map(|row| self.content_hash(row)).collect()
    }

    /// The hash of one row's turns.
    #[must_use]
    #[inline]
    pub fn content_hash(self, row: usize) -> u64 {
        let turns = self.turn_offsets[row] as usize..self.turn_offsets[row + 1] as usize;
        let offsets = &self.text_offsets[turns.start..=turns.end];
        let shape = offsets
            .windows(2)
            .zip(&self.roles[turns])
            .fold(0, |shape: u64, (offset, &role)| mix(shape ^ ((offset[1] - offset[0]) as u64) << 8 ^ role as u64));
        let bytes = offsets[0] as usize..offsets[offsets.len() - 1] as usize;
        xxh3_64_with_seed(&self.text_values[bytes], shape)
    }

    /// The turns of a row, as role code and UTF-8 text.
    pub fn of(self, row: usize) -> impl Iterator<Item = (i8, &'a [u8])> {
        let turns = self.turn_offsets[row] as usize..self.turn_offsets[row + 1] as usize;
        turns.map(move |turn| {
            let text = self.text_offsets[turn] as usize..self.text_offsets[turn + 1] as usize;
            (self.roles[turn], &self.text_values[text])
        })
    }
}

/// What one thread needs to read rows again; reused from row to row.
#[derive(Default)]
pub struct RowScratch {
    /// Holds the row.
    pub batch: Batch,
    /// Reads its line, if it is read from one.
    pub reader: Option<LineReader>,
}

/// Rows that can be read again in any order, and the order in which they are kept.
pub trait Rows: Sync {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The turns of a row: a view and the row's place in it. `scratch` may be used to hold them.
    fn read<'a>(&'a self, row: u32, scratch: &'a mut RowScratch) -> (Turns<'a>, usize);

    /// Asks the processor for what it takes to find a row, well before [`Self::prefetch`].
    fn prefetch_place(&self, _row: u32) {}

    /// Asks the processor for the bytes of a row that is read soon.
    fn prefetch(&self, _row: u32) {}

    /// Which of two rows is kept before the other. Total, and independent of the order of the input
    /// except between rows whose bytes are equal.
    fn keep_order(&self, left: u32, right: u32) -> std::cmp::Ordering;
}
