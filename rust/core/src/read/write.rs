//! One row in another shape.

use super::detect::{begins_dialogue, shape};
use super::error::{Failure, LineError, RejectReason};
use super::fields::{Fields, Key};
use super::format::Format;
use super::instruction::{answer_key, conversations_beside};
use super::lines::{invalid_utf8, trim};
use super::pieces::Pieces;
use super::plain;
use super::row::Row;
use super::source::{SOURCE, Source, append, restore};
use super::style::{Sink, Style};
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
    keep: Keep,
    scratch: Scratch,
    /// For the way back.
    other: Scratch,
    pieces: Pieces,
    /// The line that the row was made from.
    restored: Vec<u8>,
    /// What became of it again.
    again: Vec<u8>,
}

/// What stays of a row that the other format does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// The line, so that it comes back.
    Line,
    /// The other keys.
    Keys,
    /// Nothing.
    Nothing,
}

/// What is made of one line.
#[derive(Debug, Default)]
struct Scratch {
    tape: Tape,
    fields: Fields,
    /// The turns of the row.
    batch: Batch,
    /// The turns of its items, to see which come from which.
    items: Batch,
}

/// How a line was written.
struct Conversion {
    /// The shape that it was read as; `alpaca` for a row that is the same in `belle`.
    from: Format,
    style: Style,
    /// It has the other shape as it stands.
    unchanged: bool,
}

impl RowWriter {
    /// A writer from one format to the other, which leaves out what that cannot hold.
    #[must_use]
    pub fn new(from: Format, to: Format) -> Self {
        Self::keeping(Keep::Keys, from, to)
    }

    fn keeping(keep: Keep, from: Format, to: Format) -> Self {
        Self {
            from,
            to,
            keep,
            scratch: Scratch::default(),
            other: Scratch::default(),
            pieces: Pieces::default(),
            restored: Vec::new(),
            again: Vec::new(),
        }
    }

    /// A writer whose rows come back byte for byte when they are written in the format that they had.
    ///
    /// What the other format cannot hold, or would spell in another way, is kept under `belle_source`, the last key of
    /// the row. A row that comes back without it does not get one.
    #[must_use]
    pub fn lossless(from: Format, to: Format) -> Self {
        Self::keeping(Keep::Line, from, to)
    }

    /// A writer whose rows all have the same keys with values of the same types, so that any loader of JSON reads them.
    ///
    /// These are the keys of the format and `tools` (JSON as text): texts are empty where a row has none, `history` is an
    /// empty list, all parts of a turn are one text, a system text of `sharegpt` and `messages` is their first turn. All
    /// other keys go, `id` too, since loaders take one like a date for a time. What cannot be held is an error. Rows of
    /// the target's shape are written anew too.
    #[must_use]
    pub fn plain(from: Format, to: Format) -> Self {
        Self::keeping(Keep::Nothing, from, to)
    }

    /// Appends the row of `line` as one line of JSON without an end of line.
    ///
    /// The id and every other key of the row keep their bytes and their order; the new keys stand where the first of
    /// the old ones stood, spelled as the line is: with or without blanks and escapes. A key that is in the way of the
    /// new ones gets `source_` before its name. A row that has the target's shape already, and every row for `mixed`,
    /// comes back byte for byte but for blanks around it.
    ///
    /// A row with a `belle_source` that fits it, which is to say, that gives this row when it is written again, is
    /// taken for the row that it was made from.
    ///
    /// `alpaca` and `belle` hold an optional system text and turns that alternate and end with an answer; of any other
    /// conversation they get the last answer with its question, and all of it as `conversations`; so
    /// they do if the question could be taken for a conversation. Plain text becomes an answer without a question.
    ///
    /// # Errors
    /// Why the line is no row of the format it comes from; [`RejectReason::WrongType`] for a conversation that is to
    /// become `text`, and for what a [`RowWriter::plain`] row cannot hold. Nothing is written then.
    pub fn write(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), LineError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (start, stop) = trim(line, 0, line.len());
        let line = &line[start..stop];
        let as_it_is = self.from == self.to
            && match self.keep {
                Keep::Line => !has_source(line),
                Keep::Keys => true,
                Keep::Nothing => false,
            };
        if as_it_is || self.to == Format::Mixed {
            out.extend_from_slice(line);
            return Ok(());
        }
        let start = out.len();
        let written = self.write_whole(line, out);
        if written.is_err() {
            out.truncate(start);
        }
        Ok(written?)
    }

    /// [`RowWriter::write`], which also looks whether a line that stays as it is is a row.
    ///
    /// # Errors
    /// As for [`RowWriter::write`], and why the line is no row of its format.
    pub fn write_checked(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), LineError> {
        if self.from == self.to || self.to == Format::Mixed {
            self.scratch.read(line, self.from)?;
        }
        self.write(line, out)
    }

    fn write_whole(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.keep == Keep::Nothing {
            let source = if has_source(line) { self.find_source(line) } else { None };
            return match source {
                Some(source) => self.scratch.write_plain(&self.restored, source.from, self.to, out),
                None => self.scratch.write_plain(line, self.from, self.to, out),
            };
        }
        // A row that says that it has the target's shape already needs no look at where it comes from.
        if has_source(line)
            && let Some(source) = self.find_source(line)
            && source.to != self.to
        {
            let restored = std::mem::take(&mut self.restored);
            let written = if source.from == self.to {
                out.extend_from_slice(&restored);
                Ok(())
            } else {
                self.write_made(&restored, source.from, self.to, self.keep == Keep::Line, out)
            };
            self.restored = restored;
            return written;
        }
        let start = out.len();
        let conversion = self.scratch.convert(line, self.from, self.to, out)?;
        if self.keep == Keep::Line && !conversion.unchanged && !self.comes_back(line, conversion.from, &out[start..]) {
            let source = Source { from: conversion.from, to: self.to };
            append(line, &source, conversion.style, &mut self.pieces, start, out);
        }
        Ok(())
    }

    /// The row that `line` was made from, in `restored`, if it gives this very line.
    fn find_source(&mut self, line: &[u8]) -> Option<Source> {
        if simdutf8::basic::from_utf8(line).is_err() {
            return None;
        }
        scan(line, &mut self.other.tape).ok()?;
        let source = restore(line, &self.other.tape, &mut self.restored)?;
        let (restored, mut again) = (std::mem::take(&mut self.restored), std::mem::take(&mut self.again));
        again.clear();
        let written = self.write_made(&restored, source.from, source.to, true, &mut again);
        let fits = written.is_ok() && again == line;
        (self.restored, self.again) = (restored, again);
        fits.then_some(source)
    }

    /// Writes a row, with its source if that is wanted, whether or not it would come back without.
    fn write_made(
        &mut self,
        line: &[u8],
        from: Format,
        to: Format,
        lossless: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let start = out.len();
        let conversion = self.scratch.convert(line, from, to, out)?;
        if lossless && !conversion.unchanged {
            append(line, &Source { from, to }, conversion.style, &mut self.pieces, start, out);
        }
        Ok(())
    }

    /// Whether `row`, written in the format of `line`, is `line`, whichever way it is read.
    fn comes_back(&mut self, line: &[u8], from: Format, row: &[u8]) -> bool {
        self.again.clear();
        if from == Format::Text || self.other.convert(row, self.to, from, &mut self.again).is_err() {
            return false;
        }
        if self.again != line {
            return false;
        }
        let Scratch { tape, fields, .. } = &mut self.other;
        let seen = Row::new(row, tape, fields).ok().and_then(|row| shape(&row));
        seen == Some(self.to) || seen == Some(Format::Alpaca) && self.to == Format::Belle
    }
}

impl Scratch {
    /// Reads a line as a row of a format.
    fn read(&mut self, line: &[u8], format: Format) -> Result<(), Failure> {
        if simdutf8::basic::from_utf8(line).is_err() {
            return Err(invalid_utf8(line));
        }
        scan(line, &mut self.tape).map_err(Failure::from)?;
        self.batch.clear();
        Row::new(line, &self.tape, &mut self.fields)?.read(format, &mut self.batch)
    }

    /// Appends the row of `line` in the shape of `to`, and nothing of where it comes from.
    fn convert(&mut self, line: &[u8], from: Format, to: Format, out: &mut Vec<u8>) -> Result<Conversion, Failure> {
        if simdutf8::basic::from_utf8(line).is_err() {
            return Err(invalid_utf8(line));
        }
        let Self { tape, fields, batch, items } = self;
        scan(line, tape).map_err(Failure::from)?;
        let row = Row::new(line, tape, fields)?;
        batch.clear();
        row.read(from, batch)?;
        let style = Style::of(line, tape);
        let from = if from == Format::Mixed { shape(&row).unwrap_or(from) } else { from };
        if from == to || reads_alike(&row, from, to) {
            out.extend_from_slice(line);
            return Ok(Conversion { from, style, unchanged: true });
        }
        if to == Format::Text {
            return Err(no_text());
        }
        items.clear();
        let from = if reads_alike(&row, from, Format::Alpaca) { Format::Alpaca } else { from };
        let list = list_of(&row, from);
        let written = Written::new(&row, list, batch, items)?;
        write_object(&row, from, to, list, &written, &mut Sink { out, style });
        Ok(Conversion { from, style, unchanged: false })
    }

    /// Appends the row of `line` with the keys of `to` alone.
    fn write_plain(&mut self, line: &[u8], from: Format, to: Format, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.read(line, from)?;
        let Self { tape, fields, batch, items } = self;
        let row = Row::new(line, tape, fields)?;
        let from = if from == Format::Mixed { shape(&row).unwrap_or(from) } else { from };
        if to == Format::Text && from != Format::Text {
            return Err(no_text());
        }
        items.clear();
        let written = Written::new(&row, list_of(&row, from), batch, items)?;
        plain::write_plain(&row, from, to, &written, &mut Sink { out, style: Style::of(line, tape) })
    }
}

#[cold]
fn no_text() -> Failure {
    Failure::at(RejectReason::WrongType, 0, "the row is a conversation, which `text` cannot hold")
}

/// Whether the line may have a member of that name.
fn has_source(line: &[u8]) -> bool {
    memchr::memmem::find(line, SOURCE.as_bytes()).is_some()
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

fn write_object(row: &Row, from: Format, to: Format, list: Option<usize>, written: &Written, sink: &mut Sink) {
    let read: &[Key] = match from {
        _ if list.is_some() => &[Key::System],
        Format::Belle if answer_key(row, true) == Key::Target => {
            &[Key::Instruction, Key::Input, Key::Target, Key::System, Key::History]
        }
        Format::Text => &[Key::Text],
        _ => &[Key::Instruction, Key::Input, Key::Output, Key::System, Key::History],
    };
    sink.raw(b"{");
    let mut first = true;
    let mut shape_written = false;
    for (key, value) in row.tape.members(0) {
        let name = row.name(key);
        let known = Key::from_name(&name);
        if known.is_some_and(|known| row.fields.get(known) != Some(value)) {
            continue;
        }
        if Some(value) == list || known.is_some_and(|known| read.contains(&known)) {
            if !shape_written {
                begin_member(&mut first, sink);
                write_shape(written, to, sink);
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
        begin_member(&mut first, sink);
        if in_the_way || *name == *SOURCE.as_bytes() {
            sink.string(&free_name(row, &name));
        } else {
            sink.raw(row.raw(key));
        }
        sink.colon();
        sink.raw(row.raw(value));
    }
    sink.raw(b"}");
}

fn begin_member(first: &mut bool, sink: &mut Sink) {
    if !std::mem::take(first) {
        sink.comma();
    }
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

/// A name with `source_` before it that the row does not have yet.
fn free_name(row: &Row, name: &[u8]) -> Vec<u8> {
    let mut free = [b"source_", name].concat();
    while row.tape.members(0).any(|(key, _)| row.text(key) == free) {
        free.splice(..0, *b"source_");
    }
    free
}
