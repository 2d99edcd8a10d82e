//! The rows of a batch, of which those that need nothing are not touched.

use super::{Changes, Normalise};
use crate::batch::{Batch, Role, Turns};
use crate::read::{Format, LineReader, LineRewriter};

/// A row of more text is left as it is rather than made longer: offsets have 31 bits.
const MOST_TEXT: usize = 1 << 30;
/// Marks a row that is looked at closely.
const SUSPECT: u8 = u8::MAX;

/// Whether the turns of a role are texts. Calls of tools are data, whose every character counts.
pub(crate) const fn is_normalised_role(role: i8) -> bool {
    role != Role::FunctionCall as i8
}

/// Normalises every turn but calls of tools: the turns in the columns of a batch that has no others, and the
/// [`Changes`] of each row.
#[must_use]
pub fn normalise_turns(normalise: &Normalise, turns: Turns<'_>) -> (Batch, Vec<u8>) {
    let mut batch = Batch::default();
    let mut text = String::new();
    let changes = (0..turns.rows())
        .map(|row| {
            let mut changes = Changes::NONE;
            for (role, before) in turns.of(row) {
                changes |= push(normalise, role, before, &mut text, &mut batch);
            }
            batch.turn_offsets.push(batch.roles.len() as i32);
            changes.0
        })
        .collect();
    (batch, changes)
}

/// Appends a turn, normalised.
fn push(normalise: &Normalise, role: i8, before: &[u8], text: &mut String, batch: &mut Batch) -> Changes {
    text.clear();
    let changes = match str::from_utf8(before) {
        Ok(before) if is_normalised_role(role) => normalise.apply(before, text),
        _ => Changes::NONE,
    };
    batch.text_values.extend_from_slice(if changes.is_none() { before } else { text.as_bytes() });
    batch.text_offsets.push(batch.text_values.len() as i32);
    batch.roles.push(role);
    changes
}

/// Normalises rows that were read from lines of one format.
pub(crate) struct RowNormaliser<'a> {
    normalise: &'a Normalise,
    rewriter: LineRewriter,
    reader: LineReader,
    /// The rewritten line of a row.
    line: Vec<u8>,
    /// The turns of a row.
    row: Batch,
    text: String,
}

impl<'a> RowNormaliser<'a> {
    pub(crate) fn new(normalise: &'a Normalise, format: Format) -> Self {
        let (rewriter, reader) = (LineRewriter::new(format), LineReader::new(format));
        Self { normalise, rewriter, reader, line: Vec::new(), row: Batch::default(), text: String::new() }
    }

    /// Normalises the turns of every row of a batch; `line` gives the line that a row was read from.
    ///
    /// The turns of a row that changes are those that its rewritten line gives, so that both are the same at any time.
    /// The [`Changes`] of each row are returned.
    pub(crate) fn rows<'b>(&mut self, batch: &mut Batch, line: impl Fn(&Batch, usize) -> &'b [u8]) -> Vec<u8> {
        let mut changes = self.suspects(batch);
        let mut rebuilt: Option<Batch> = None;
        let mut copied = 0;
        let mut longest = batch.text_values.len();
        for (row, change) in changes.iter_mut().enumerate().filter(|(_, change)| **change == SUSPECT) {
            *change = self.row(batch, row, line(batch, row));
            longest += if *change == 0 { 0 } else { self.row.text_values.len() };
            if longest > i32::MAX as usize {
                *change = 0;
            }
            if *change != 0 {
                let rebuilt = rebuilt.get_or_insert_with(|| {
                    let mut rebuilt = Batch::default();
                    rebuilt.text_values.reserve(batch.text_values.len() + self.row.text_values.len());
                    rebuilt
                });
                copy_rows(batch, copied..row, rebuilt);
                copy_rows(&self.row, 0..1, rebuilt);
                copied = row + 1;
            }
        }
        if let Some(mut rebuilt) = rebuilt {
            copy_rows(batch, copied..batch.len(), &mut rebuilt);
            batch.turn_offsets = rebuilt.turn_offsets;
            batch.roles = rebuilt.roles;
            batch.text_offsets = rebuilt.text_offsets;
            batch.text_values = rebuilt.text_values;
        }
        changes
    }

    /// Marks the rows of which a quick look does not prove that nothing changes; 0 for all others.
    fn suspects(&self, batch: &Batch) -> Vec<u8> {
        let stable = &self.normalise.stable;
        let mut marks = vec![0; batch.len()];
        for (row, mark) in marks.iter_mut().enumerate() {
            if batch.turns(row).any(|(_, text)| stable.may_change_end(text)) {
                *mark = SUSPECT;
            }
        }
        let mut from = 0;
        while let Some(at) = stable.next_suspect(&batch.text_values, from) {
            let turn = batch.text_offsets.partition_point(|&offset| offset as usize <= at) - 1;
            let row = batch.turn_offsets.partition_point(|&offset| offset as usize <= turn) - 1;
            marks[row] = SUSPECT;
            from = batch.text_offsets[batch.turn_offsets[row + 1] as usize] as usize;
        }
        marks
    }

    /// Puts the normalised turns of a row into `self.row`; gives its changes, 0 if it stays as it is.
    fn row(&mut self, batch: &Batch, row: usize, line: &[u8]) -> u8 {
        self.row.clear();
        let mut changes = Changes::NONE;
        let mut emptied = false;
        for (role, before) in batch.turns(row) {
            let change = push(self.normalise, role, before, &mut self.text, &mut self.row);
            emptied |= !change.is_none() && self.text.is_empty();
            changes |= change;
        }
        self.row.turn_offsets.push(self.row.roles.len() as i32);
        if changes.is_none() {
            return 0;
        }
        // Where an empty text is no turn, or a prompt is cut at its markers, only the line itself can tell.
        if emptied || matches!(self.reader.format(), Format::Belle | Format::Mixed) {
            self.row.clear();
            self.line.clear();
            let read = self.rewriter.rewrite(line, self.normalise, &mut self.line).is_ok_and(|changed| changed)
                && self.reader.read(&self.line, 0..self.line.len(), &mut self.row).is_ok();
            if !read {
                return 0;
            }
        }
        let before = batch.turns(row).map(|(_, text)| text.len()).sum::<usize>();
        if self.row.text_values.len() > before.max(MOST_TEXT) { 0 } else { changes.0 }
    }
}

/// Appends the turns of some rows.
fn copy_rows(from: &Batch, rows: std::ops::Range<usize>, to: &mut Batch) {
    let turns = from.turn_offsets[rows.start] as usize..from.turn_offsets[rows.end] as usize;
    let bytes = from.text_offsets[turns.start] as usize..from.text_offsets[turns.end] as usize;
    let turn_shift = to.roles.len() as i32 - turns.start as i32;
    let byte_shift = to.text_values.len() as i32 - bytes.start as i32;
    to.turn_offsets.extend(from.turn_offsets[rows.start + 1..=rows.end].iter().map(|offset| offset + turn_shift));
    to.text_offsets.extend(from.text_offsets[turns.start + 1..=turns.end].iter().map(|offset| offset + byte_shift));
    to.roles.extend_from_slice(&from.roles[turns]);
    to.text_values.extend_from_slice(&from.text_values[bytes]);
}
