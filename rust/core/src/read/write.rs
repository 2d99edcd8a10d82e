//! One row in another shape.

use super::detect::{begins_dialogue, shape};
use super::error::{Failure, LineError, RejectReason};
use super::fields::{Fields, Key};
use super::format::Format;
use super::instruction::{answer_key, conversations_beside};
use super::lines::{invalid_utf8, trim};
use super::row::Row;
use super::turns::{self, says_nothing};
use super::write_turns::{Written, write_shape};
use crate::batch::Batch;
use crate::json::{Tape, scan};

/// Appends the row of `line` in the shape of `to`: [`RowWriter::write`] for a single row.
///
/// # Errors
/// As for [`RowWriter::write`].
pub fn write_row(line: &[u8], from: Format, to: Format, out: &mut Vec<u8>) -> Result<(), LineError> {
    RowWriter::new(from, to).write(line, out)
}

/// Writes rows of one format in the shape of another, one after the other.
#[derive(Debug)]
pub struct RowWriter {
    from: Format,
    to: Format,
    tape: Tape,
    fields: Fields,
    /// The turns of the row.
    batch: Batch,
    /// The turns of its items, to see which come from which.
    items: Batch,
}

impl RowWriter {
    /// A writer from one format to the other.
    #[must_use]
    pub fn new(from: Format, to: Format) -> Self {
        let (batch, items) = (Batch::default(), Batch::default());
        Self { from, to, tape: Tape::new(), fields: Fields::default(), batch, items }
    }

    /// Appends the row of `line` as one line of JSON without an end of line.
    ///
    /// The id and every other key of the row keep their bytes and their order; the new keys stand where the first of
    /// the old ones stood. A key that is in the way of the new ones gets `source_` before its name. A row that has the
    /// target's shape already, and every row for `mixed`, comes back byte for byte but for blanks around it.
    ///
    /// `alpaca` and `belle` hold an optional system text and turns that alternate and end with an answer; of any other
    /// conversation they get the last answer with its question, and all of it as `conversations`. Plain text becomes
    /// an answer without a question.
    ///
    /// # Errors
    /// Why the line is no row of the format it comes from; [`RejectReason::WrongType`] for a conversation that is to
    /// become `text`. Nothing is written then.
    pub fn write(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), LineError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (start, stop) = trim(line, 0, line.len());
        let line = &line[start..stop];
        if self.from == self.to || self.to == Format::Mixed {
            out.extend_from_slice(line);
            return Ok(());
        }
        Ok(self.convert(line, out)?)
    }

    fn convert(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if simdutf8::basic::from_utf8(line).is_err() {
            return Err(invalid_utf8(line));
        }
        scan(line, &mut self.tape).map_err(Failure::from)?;
        let row = Row::new(line, &self.tape, &mut self.fields)?;
        self.batch.clear();
        row.read(self.from, &mut self.batch)?;
        let from = if self.from == Format::Mixed { shape(&row).unwrap_or(self.from) } else { self.from };
        if from == self.to || reads_alike(&row, from, self.to) {
            out.extend_from_slice(line);
            return Ok(());
        }
        if self.to == Format::Text {
            return Err(Failure::at(RejectReason::WrongType, 0, "the row is a conversation, which `text` cannot hold"));
        }
        self.items.clear();
        let list = list_of(&row, from);
        let written = Written::new(&row, list, &self.batch, &mut self.items)?;
        write_object(&row, from, self.to, list, &written, out);
        Ok(())
    }
}

/// Whether the line gives the same turns in both of the formats that share their keys.
fn reads_alike(row: &Row, from: Format, to: Format) -> bool {
    let both = matches!((from, to), (Format::Alpaca, Format::Belle) | (Format::Belle, Format::Alpaca));
    let plain = || answer_key(row, true) == Key::Output && row.fields.get(Key::Instruction).is_some();
    both && (conversations_beside(row).is_some() || plain() && !begins_dialogue(row))
}

/// The list that the turns of a row of this shape were read from, with its key.
fn list_of(row: &Row, from: Format) -> Option<usize> {
    match from {
        Format::Alpaca | Format::Belle => conversations_beside(row),
        Format::Sharegpt => turns::conversations(row),
        Format::Messages => row.fields.get(Key::Messages),
        Format::Text | Format::Mixed => None,
    }
}

fn write_object(row: &Row, from: Format, to: Format, list: Option<usize>, written: &Written, out: &mut Vec<u8>) {
    let read: &[Key] = match from {
        _ if list.is_some() => &[Key::System],
        Format::Belle if answer_key(row, true) == Key::Target => {
            &[Key::Instruction, Key::Input, Key::Target, Key::System, Key::History]
        }
        Format::Text => &[Key::Text],
        _ => &[Key::Instruction, Key::Input, Key::Output, Key::System, Key::History],
    };
    let mut separator: &[u8] = b"{";
    let mut shape_written = false;
    for (key, value) in row.tape.members(0) {
        let name = row.name(key);
        let known = Key::from_name(&name);
        if known.is_some_and(|known| row.fields.get(known) != Some(value)) {
            continue;
        }
        if Some(value) == list || known.is_some_and(|known| read.contains(&known)) {
            if !shape_written {
                out.extend_from_slice(separator);
                write_shape(written, to, out);
                separator = b", ";
                shape_written = true;
            }
            continue;
        }
        let in_the_way = known.is_some_and(|known| is_reserved(known, to));
        // An excerpt beside a list of turns repeats one of them.
        let excerpt = list.is_some() && row.kind(value).is_string() && written.holds(&row.text(value));
        if in_the_way && (excerpt || says_nothing(row, value)) {
            continue;
        }
        if excerpt && list_is_beside(from) && known.is_some_and(is_instruction_key) {
            continue;
        }
        out.extend_from_slice(separator);
        separator = b", ";
        if in_the_way {
            out.extend_from_slice(&free_name(row, &name));
        } else {
            out.extend_from_slice(row.raw(key));
        }
        out.extend_from_slice(b": ");
        out.extend_from_slice(row.raw(value));
    }
    out.push(b'}');
}

fn list_is_beside(from: Format) -> bool {
    matches!(from, Format::Alpaca | Format::Belle)
}

fn is_instruction_key(key: Key) -> bool {
    matches!(key, Key::Instruction | Key::Input | Key::Output | Key::Target)
}

/// Whether a reader of `to`, or of a mixed file, would take this key for one of the conversation.
fn is_reserved(key: Key, to: Format) -> bool {
    match key {
        Key::Id | Key::Text => false,
        Key::System | Key::Messages | Key::Conversations | Key::Conversation => true,
        Key::Target => to == Format::Belle,
        Key::Instruction | Key::Input | Key::Output | Key::History => list_is_beside(to),
    }
}

/// A name with `source_` before it that the row does not have yet, quoted.
fn free_name(row: &Row, name: &[u8]) -> Vec<u8> {
    let mut free = [b"source_", name].concat();
    while row.tape.members(0).any(|(key, _)| row.text(key) == free) {
        free.splice(..0, *b"source_");
    }
    let mut quoted = Vec::new();
    crate::json::write_string(&free, &mut quoted);
    quoted
}
