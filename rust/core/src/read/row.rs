//! One scanned line on its way into a batch.

use std::borrow::Cow;

use super::error::{Failure, RejectReason};
use super::fields::{Fields, Key};
use super::format::Format;
use super::{instruction, turns};
use crate::batch::{Batch, Role};
use crate::json::{Kind, Tape, Token, unescape_into};

/// Longest piece of a value that a message quotes, in characters.
const QUOTED: usize = 60;
/// Most keys that a message names.
const NAMED: usize = 20;

/// A line, its tokens and its known keys.
pub(super) struct Row<'a> {
    pub(super) line: &'a [u8],
    pub(super) tape: &'a Tape,
    pub(super) fields: &'a Fields,
}

impl<'a> Row<'a> {
    /// The row of a scanned line; `fields` is filled.
    ///
    /// # Errors
    /// [`RejectReason::NotAnObject`] for any other JSON.
    #[inline]
    pub(super) fn new(line: &'a [u8], tape: &'a Tape, fields: &'a mut Fields) -> Result<Self, Failure> {
        if tape.at(0).kind != Kind::Object {
            let rule = format!("found {}, a row must be an object", quote(line, tape.at(0)));
            return Err(Failure::at(RejectReason::NotAnObject, tape.at(0).start as usize, &rule));
        }
        *fields = Fields::collect(line, tape);
        Ok(Self { line, tape, fields })
    }

    /// Appends the row's turns, its id and its count of other parts. After an error the caller rolls back.
    ///
    /// # Errors
    /// The reason why this is no row of that format.
    #[inline]
    pub(super) fn read(&self, format: Format, batch: &mut Batch) -> Result<(), Failure> {
        if self.fields.better && self.fields.worse {
            return Err(self.preference());
        }
        let non_text = match self.read_turns(format, batch) {
            Ok(non_text) => non_text,
            Err(error) => return Err(self.explain(error)),
        };
        if usize::try_from(batch.turn_offsets[batch.turn_offsets.len() - 1]) == Ok(batch.roles.len()) {
            return Err(Failure::at(RejectReason::MissingField, 0, "the row has no turn"));
        }
        let has_id = self.read_id(batch)?;
        batch.has_id.push(has_id);
        batch.id_offsets.push(batch.id_values.len() as i32);
        batch.non_text_parts.push(u16::try_from(non_text).unwrap_or(u16::MAX));
        batch.turn_offsets.push(batch.roles.len() as i32);
        Ok(())
    }

    #[inline]
    fn read_turns(&self, format: Format, batch: &mut Batch) -> Result<usize, Failure> {
        match format {
            Format::Alpaca => instruction::read(self, false, batch),
            Format::Belle => instruction::read(self, true, batch),
            Format::Sharegpt => turns::read_conversations(self, batch),
            Format::Messages => turns::read_messages(self, batch),
            Format::Text => self.read_text(batch),
            Format::Mixed => match self.family() {
                Some(Format::Alpaca) => instruction::read(self, true, batch),
                Some(family) => self.read_turns(family, batch),
                None => Err(self.missing("`messages`, `conversations`, `instruction` or `text`")),
            },
        }
    }

    fn read_text(&self, batch: &mut Batch) -> Result<usize, Failure> {
        let text = self.required(Key::Text)?;
        self.append(text, &mut batch.text_values);
        push_turn(batch, Role::Text);
        Ok(0)
    }

    /// The shape that the keys speak of; [`Format::Alpaca`] for `belle` too, which only the prompt tells apart.
    pub(super) fn family(&self) -> Option<Format> {
        let has = |key| self.fields.get(key).is_some();
        if has(Key::Messages) {
            Some(Format::Messages)
        } else if has(Key::Conversations) || has(Key::Conversation) {
            Some(Format::Sharegpt)
        } else if has(Key::Instruction) || has(Key::Output) || has(Key::Input) && has(Key::Target) {
            Some(Format::Alpaca)
        } else {
            has(Key::Text).then_some(Format::Text)
        }
    }

    #[inline]
    fn read_id(&self, batch: &mut Batch) -> Result<bool, Failure> {
        let Some(index) = self.fields.get(Key::Id) else { return Ok(false) };
        let token = self.tape.at(index);
        match token.kind {
            Kind::Plain | Kind::Number => batch.id_values.extend_from_slice(&self.line[token.inner()]),
            Kind::Escaped => unescape_into(&self.line[token.inner()], &mut batch.id_values),
            Kind::Null => return Ok(false),
            _ => return Err(self.wrong_type(index, "`id`", "a string, a number or null")),
        }
        Ok(true)
    }

    /// The bytes of a value as they stand in the line.
    pub(super) fn raw(&self, index: usize) -> &'a [u8] {
        &self.line[self.tape.at(index).raw()]
    }

    /// Kind of the value at `index`.
    #[inline]
    pub(super) fn kind(&self, index: usize) -> Kind {
        self.tape.at(index).kind
    }

    /// Appends the text of the string at `index`.
    #[inline]
    pub(super) fn append(&self, index: usize, text: &mut Vec<u8>) {
        let token = self.tape.at(index);
        let raw = &self.line[token.inner()];
        if token.kind == Kind::Plain { text.extend_from_slice(raw) } else { unescape_into(raw, text) }
    }

    /// The text of the string at `index`, of its own.
    pub(super) fn text(&self, index: usize) -> Vec<u8> {
        let mut text = Vec::new();
        self.append(index, &mut text);
        text
    }

    /// The text of the key at `index`, copied only if it has escapes.
    pub(super) fn name(&self, index: usize) -> Cow<'a, [u8]> {
        let token = self.tape.at(index);
        match token.kind {
            Kind::Plain => Cow::Borrowed(&self.line[token.inner()]),
            _ => Cow::Owned(self.text(index)),
        }
    }

    /// The token of a key that must be a string.
    ///
    /// # Errors
    /// The key is missing, or its value is none.
    #[inline]
    pub(super) fn required(&self, key: Key) -> Result<usize, Failure> {
        let Some(index) = self.fields.get(key) else { return Err(self.missing(&format!("`{}`", key.name()))) };
        if self.kind(index).is_string() { Ok(index) } else { Err(self.wrong_type_of(index, key, "a string")) }
    }

    /// The token of a key that may be a string; nothing for null and for a key that is not there.
    ///
    /// # Errors
    /// The value is of another type.
    #[inline]
    pub(super) fn optional(&self, key: Key) -> Result<Option<usize>, Failure> {
        match self.fields.get(key) {
            None => Ok(None),
            Some(index) => match self.kind(index) {
                Kind::Plain | Kind::Escaped => Ok(Some(index)),
                Kind::Null => Ok(None),
                _ => Err(self.wrong_type_of(index, key, "a string or null")),
            },
        }
    }

    #[cold]
    fn wrong_type_of(&self, index: usize, key: Key, rule: &str) -> Failure {
        self.wrong_type(index, &format!("`{}`", key.name()), rule)
    }

    /// The value at `index`, called `name`, is not what `rule` says.
    #[cold]
    pub(super) fn wrong_type(&self, index: usize, name: &str, rule: &str) -> Failure {
        let token = self.tape.at(index);
        let detail = format!("{name} is {}, it must be {rule}", quote(self.line, token));
        Failure::at(RejectReason::WrongType, token.raw().start, &detail)
    }

    /// A key is missing at the top of the row.
    #[cold]
    pub(super) fn missing(&self, names: &str) -> Failure {
        self.missing_in(0, names, "the row")
    }

    /// A key is missing in the object at `object`, called `place`.
    #[cold]
    pub(super) fn missing_in(&self, object: usize, names: &str, place: &str) -> Failure {
        let there: Vec<_> =
            self.tape.members(object).map(|(key, _)| quote_bytes(&self.line[self.tape.at(key).inner()])).collect();
        let more = there.len().saturating_sub(NAMED);
        let list = match there.len() {
            0 => "no key at all".to_owned(),
            count if count > NAMED => format!("{} and {more} more", there[..NAMED].join(", ")),
            _ => there.join(", "),
        };
        let detail = format!("{place} has no {names}; it has {list}");
        Failure::at(RejectReason::MissingField, self.tape.at(object).start as usize, &detail)
    }

    /// A row that lacks a field but compares answers is preference data, and called so.
    #[cold]
    fn explain(&self, error: Failure) -> Failure {
        let compares = self.fields.better || self.fields.worse;
        if compares && error.reason() == RejectReason::MissingField { self.preference() } else { error }
    }

    #[cold]
    fn preference(&self) -> Failure {
        let rule = "the row compares answers (chosen, rejected) and is no conversation of its own";
        Failure::at(RejectReason::PreferenceData, self.tape.at(0).start as usize, rule)
    }
}

/// Ends the turn whose text was appended last.
#[inline]
pub(super) fn push_turn(batch: &mut Batch, role: Role) {
    batch.roles.push(role as i8);
    batch.text_offsets.push(batch.text_values.len() as i32);
}

/// A value's kind and the beginning of how it is written.
fn quote(line: &[u8], token: Token) -> String {
    match token.kind {
        Kind::Null => "null".to_owned(),
        kind => format!("{} {}", kind.name(), quote_bytes(&line[token.raw()])),
    }
}

fn quote_bytes(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(4 * QUOTED)]);
    let mut quoted: String = text.chars().take(QUOTED).flat_map(visible).collect();
    if quoted.len() < raw.len() && text.chars().count() > QUOTED {
        quoted.push('…');
    }
    format!("`{quoted}`")
}

/// Control characters as escapes, so that a message stays one line.
fn visible(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_unicode());
    let plain = (!character.is_control()).then_some(character);
    plain.into_iter().chain(escaped.into_iter().flatten())
}
