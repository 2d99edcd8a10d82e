//! A line with the strings normalised that its turns are read from; every other byte as it came.

use super::error::{Failure, LineError};
use super::fields::{Fields, Key};
use super::format::Format;
use super::instruction::{answer_key, conversations_beside};
use super::lines::trim;
use super::row::Row;
use super::turns::{Item, conversations, read_role, text_of_part};
use crate::json::{Kind, Tape, scan, write_string};
use crate::normalise::{Normalise, is_normalised_role};

/// Rewrites lines of one format, one after the other.
#[derive(Debug)]
pub struct LineRewriter {
    format: Format,
    tape: Tape,
    fields: Fields,
}

impl LineRewriter {
    /// For rows of a format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, tape: Tape::new(), fields: Fields::default() }
    }

    /// The format of the rows.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Appends the line, without blanks around it, with its texts normalised; whether any was changed.
    ///
    /// Only strings that a turn is read from are replaced. A turn that is read from several strings, a prompt of
    /// instruction and input or the parts of a message, is normalised as a whole and split where it was joined; where
    /// that is impossible, because characters of two parts became one, the first part gets all of it. Calls of tools are
    /// no texts and stay. A text that became empty may no longer count as a turn when the line is read.
    ///
    /// # Errors
    /// Why the line is no JSON object; it must have been read as a row before. Nothing is appended then.
    pub fn rewrite(&mut self, line: &[u8], normalise: &Normalise, out: &mut Vec<u8>) -> Result<bool, LineError> {
        let (start, stop) = trim(line, 0, line.len());
        Ok(self.rewrite_trimmed(&line[start..stop], normalise, out)?)
    }

    fn rewrite_trimmed(&mut self, line: &[u8], normalise: &Normalise, out: &mut Vec<u8>) -> Result<bool, Failure> {
        scan(line, &mut self.tape).map_err(Failure::from)?;
        let row = Row::new(line, &self.tape, &mut self.fields)?;
        let mut edits = Edits { row: &row, normalise, found: Vec::new() };
        edits.row(self.format)?;
        let mut edits = edits.found;
        edits.sort_unstable_by_key(|&(token, _)| token);
        let mut at = 0;
        for (token, text) in &edits {
            let old = self.tape.at(*token).raw();
            out.extend_from_slice(&line[at..old.start]);
            write_string(text.as_bytes(), out);
            at = old.end;
        }
        out.extend_from_slice(&line[at..]);
        Ok(!edits.is_empty())
    }
}

/// The strings of a row that change: token and new text.
struct Edits<'a> {
    row: &'a Row<'a>,
    normalise: &'a Normalise,
    found: Vec<(usize, String)>,
}

impl Edits<'_> {
    fn row(&mut self, format: Format) -> Result<(), Failure> {
        let row = self.row;
        let shape = if format == Format::Mixed { row.family() } else { Some(format) };
        match shape {
            // A mixed file's rows of this shape are read as `belle`, which holds both.
            Some(Format::Alpaca | Format::Belle) => self.instruction(format != Format::Alpaca)?,
            Some(Format::Sharegpt) => self.list(conversations(row))?,
            Some(Format::Messages) => self.list(row.fields.get(Key::Messages))?,
            Some(Format::Text) => self.key(Key::Text)?,
            Some(Format::Mixed) | None => {}
        }
        Ok(())
    }

    fn instruction(&mut self, belle: bool) -> Result<(), Failure> {
        let row = self.row;
        if let Some(list) = conversations_beside(row) {
            return self.list(Some(list));
        }
        let answer = answer_key(row, belle);
        self.key(Key::System)?;
        self.key(answer)?;
        for pair in row.fields.get(Key::History).into_iter().flat_map(|history| row.tape.items(history)) {
            for side in row.tape.items(pair) {
                self.string(side);
            }
        }
        match (row.optional(Key::Instruction)?, row.optional(Key::Input)?) {
            (Some(instruction), Some(input)) => self.prompt(instruction, input),
            (one, other) => one.or(other).into_iter().for_each(|one| self.string(one)),
        }
        Ok(())
    }

    fn list(&mut self, list: Option<usize>) -> Result<(), Failure> {
        let row = self.row;
        self.key(Key::System)?;
        for item in list.into_iter().flat_map(|list| row.tape.items(list)) {
            let keys = Item::collect(row, item);
            let Some(speaker) = keys.speaker() else {
                keys.pair().into_iter().filter_map(|(side, _)| side).for_each(|side| self.string(side));
                continue;
            };
            let Some(content) = keys.content() else { continue };
            if !is_normalised_role(read_role(row, speaker)? as i8) {
                continue;
            }
            if row.kind(content) == Kind::Array {
                self.parts(content)?;
            } else {
                self.string(content);
            }
        }
        Ok(())
    }

    fn key(&mut self, key: Key) -> Result<(), Failure> {
        if let Some(index) = self.row.optional(key)? {
            self.string(index);
        }
        Ok(())
    }

    /// A string that is a turn; anything else stays.
    fn string(&mut self, index: usize) {
        if !self.row.kind(index).is_string() {
            return;
        }
        let mut changed = String::new();
        if !self.normalise.apply(&self.text(index), &mut changed).is_none() {
            self.found.push((index, changed));
        }
    }

    /// Instruction and input, which are one turn with a line feed between them if neither is empty.
    fn prompt(&mut self, instruction: usize, input: usize) {
        let (first, second) = (self.text(instruction), self.text(input));
        if first.is_empty() || second.is_empty() {
            self.string(instruction);
            self.string(input);
            return;
        }
        let mut whole = String::new();
        if self.normalise.apply(&format!("{first}\n{second}"), &mut whole).is_none() {
            return;
        }
        let (whole_first, second_alone) = (self.apply(&first), self.apply(&second));
        let ways = [(self.apply_inside(&first), second_alone.clone()), (whole_first.clone(), second_alone)];
        let joined = |one: &str, two: &str| match (one, two) {
            ("", other) | (other, "") => other == whole,
            _ => whole.strip_prefix(one).and_then(|rest| rest.strip_prefix('\n')) == Some(two),
        };
        let fitting = ways.into_iter().find(|(one, two)| joined(one, two));
        let otherwise =
            || if whole_first.is_empty() { (String::new(), whole.clone()) } else { (whole.clone(), String::new()) };
        let (one, two) = fitting.unwrap_or_else(otherwise);
        self.replace(instruction, &first, one);
        self.replace(input, &second, two);
    }

    /// The parts of a content, whose texts are one turn.
    fn parts(&mut self, content: usize) -> Result<(), Failure> {
        let row = self.row;
        let mut parts = Vec::new();
        for part in row.tape.items(content) {
            if let Some(index) = text_of_part(row, part)? {
                parts.push((index, self.text(index)));
            }
        }
        let before: String = parts.iter().map(|(_, text)| &**text).collect();
        let mut whole = String::new();
        if self.normalise.apply(&before, &mut whole).is_none() {
            return Ok(());
        }
        let last = parts.iter().rposition(|(_, text)| !text.is_empty()).unwrap_or_default();
        let alone = |(at, (_, text)): (usize, &(usize, String))| {
            if at < last { self.apply_inside(text) } else { self.apply(text) }
        };
        let mut texts: Vec<String> = parts.iter().enumerate().map(alone).collect();
        if texts.concat() != whole {
            texts.iter_mut().for_each(String::clear);
            texts.iter_mut().take(1).for_each(|first| first.clone_from(&whole));
        }
        for ((index, before), text) in parts.iter().zip(texts) {
            self.replace(*index, before, text);
        }
        Ok(())
    }

    fn replace(&mut self, index: usize, before: &str, text: String) {
        if before != text {
            self.found.push((index, text));
        }
    }

    fn text(&self, index: usize) -> String {
        // Lines that are no UTF-8 are no rows.
        String::from_utf8(self.row.text(index)).unwrap_or_default()
    }

    /// The normalised text, changed or not.
    fn apply(&self, text: &str) -> String {
        let mut out = String::new();
        if self.normalise.apply(text, &mut out).is_none() { text.to_owned() } else { out }
    }

    /// The normalised text where more follows it: blanks at its very end stay.
    fn apply_inside(&self, text: &str) -> String {
        // A full stop stands for what follows: no step changes it or lets it change its neighbours.
        let mut out = self.apply(&format!("{text}."));
        out.pop();
        out
    }
}
