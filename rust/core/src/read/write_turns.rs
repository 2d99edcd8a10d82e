//! Turns as the keys of a format.

use super::calls::readable_call;
use super::error::Failure;
use super::format::Format;
use super::instruction::is_dialogue;
use super::row::Row;
use super::style::Sink;
use super::turns::{Item, Usage, read_item};
use crate::batch::{Batch, Role};

/// One turn, and the item of a list that it came from.
pub(super) struct Turn<'a> {
    pub(super) role: i8,
    pub(super) text: &'a [u8],
    /// The item whose first turn this is.
    pub(super) item: Option<usize>,
    /// The item's content as it stands in the line, if parts of it are no text.
    pub(super) parts: Option<usize>,
}

/// The turns of a row, ready to be written.
pub(super) struct Written<'a> {
    row: &'a Row<'a>,
    turns: Vec<Turn<'a>>,
    /// Whether turns were read from a list.
    pub(super) has_list: bool,
}

impl<'a> Written<'a> {
    /// The turns of the only row of `batch`, which was read from `row`; from the items of `list`, if there is one.
    /// `scratch` is empty.
    ///
    /// # Errors
    /// None that reading the row did not give before.
    pub(super) fn new(
        row: &'a Row<'a>,
        list: Option<usize>,
        batch: &'a Batch,
        scratch: &mut Batch,
    ) -> Result<Self, Failure> {
        let turns = batch.turns(0).map(|(role, text)| Turn { role, text, item: None, parts: None });
        let mut turns: Vec<_> = turns.collect();
        // The turns of the items are the last ones: before them stands at most the system text.
        let mut firsts = Vec::new();
        for item in list.into_iter().flat_map(|list| row.tape.items(list)) {
            let first = scratch.roles.len();
            let parts = read_item(row, item, scratch)? > 0;
            firsts.push((first, item, parts));
        }
        let before = turns.len() - scratch.roles.len().min(turns.len());
        for (first, item, parts) in firsts {
            if let Some(turn) = turns.get_mut(before + first) {
                turn.item = Some(item);
                turn.parts = if parts { Item::collect(row, item).content() } else { None };
            }
        }
        Ok(Self { row, turns, has_list: list.is_some() })
    }

    pub(super) fn turns(&self) -> &[Turn<'a>] {
        &self.turns
    }

    /// Whether `text` is empty or one of the turns.
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        text.is_empty() || self.turns.iter().any(|turn| turn.text == text)
    }

    /// The members of a turn's item that are not in the turn.
    fn extras(&self, turn: &Turn) -> impl Iterator<Item = (usize, usize, Usage)> {
        let row = self.row;
        let item = turn.item.map(|item| (item, Item::collect(row, item)));
        item.into_iter().flat_map(move |(item, keys)| {
            let usages = row.tape.members(item).map(move |(key, value)| {
                let usage = keys.usage(row, &row.name(key), value);
                (key, value, usage)
            });
            usages.filter(|(_, _, usage)| matches!(usage, Usage::Misleading | Usage::Other))
        })
    }
}

/// Writes the keys that hold the conversation in the shape of `to`, without braces.
pub(super) fn write_shape(written: &Written, to: Format, sink: &mut Sink) {
    match to {
        Format::Alpaca | Format::Belle => write_instruction(written, sink),
        Format::Messages => {
            sink.key("messages");
            write_list(written, write_message, sink);
        }
        Format::Sharegpt | Format::Text | Format::Mixed => write_conversations(written, sink),
    }
}

fn write_conversations(written: &Written, sink: &mut Sink) {
    sink.key("conversations");
    write_list(written, write_from_value, sink);
}

fn write_list(written: &Written, write: fn(&Written, &Turn, &mut Sink), sink: &mut Sink) {
    sink.raw(b"[");
    for (index, turn) in written.turns.iter().enumerate() {
        if index > 0 {
            sink.comma();
        }
        write(written, turn, sink);
        for (key, value, usage) in written.extras(turn) {
            sink.comma();
            if usage == Usage::Misleading {
                sink.string(&[b"source_", &*written.row.text(key)].concat());
            } else {
                sink.raw(written.row.raw(key));
            }
            sink.colon();
            sink.raw(written.row.raw(value));
        }
        sink.raw(b"}");
    }
    sink.raw(b"]");
}

fn write_content(written: &Written, turn: &Turn, sink: &mut Sink) {
    match turn.parts {
        Some(parts) => sink.raw(written.row.raw(parts)),
        None if role_is(turn.role, Role::FunctionCall) => match readable_call(turn.text) {
            Some(call) => sink.string(&call),
            None => sink.string(turn.text),
        },
        None => sink.string(turn.text),
    }
}

pub(super) const fn role_is(code: i8, role: Role) -> bool {
    code == role as i8
}

/// Opens the object of a turn: who speaks, and what is said.
fn write_turn(speaker: (&str, &str), content: &str, written: &Written, turn: &Turn, sink: &mut Sink) {
    sink.raw(b"{");
    sink.key(speaker.0);
    sink.string(speaker.1.as_bytes());
    sink.comma();
    sink.key(content);
    write_content(written, turn, sink);
}

fn write_from_value(written: &Written, turn: &Turn, sink: &mut Sink) {
    write_turn(("from", from_name(turn.role)), "value", written, turn, sink);
}

fn write_message(written: &Written, turn: &Turn, sink: &mut Sink) {
    write_turn(("role", message_name(turn.role)), "content", written, turn, sink);
}

/// The speaker of a turn of `sharegpt`.
pub(super) fn from_name(role: i8) -> &'static str {
    match role {
        code if role_is(code, Role::System) => "system",
        code if role_is(code, Role::User) => "human",
        code if role_is(code, Role::FunctionCall) => "function_call",
        code if role_is(code, Role::Observation) => "observation",
        _ => "gpt",
    }
}

/// The speaker of a message. A call is a message of its own: trainers read its text where they cannot read
/// `tool_calls`, whose arguments need not have the same keys in any two rows.
pub(super) fn message_name(role: i8) -> &'static str {
    match role {
        code if role_is(code, Role::System) => "system",
        code if role_is(code, Role::User) => "user",
        code if role_is(code, Role::FunctionCall) => "function_call",
        code if role_is(code, Role::Observation) => "tool",
        _ => "assistant",
    }
}

fn write_instruction(written: &Written, sink: &mut Sink) {
    let turns = &written.turns[..];
    let (system, pairs) = match turns.split_first() {
        Some((first, rest)) if role_is(first.role, Role::System) => (Some(first.text), rest),
        _ => (None, turns),
    };
    let (question, answer) = last_exchange(turns);
    let whole = fits(written, system, pairs) && !is_dialogue(question);
    for (index, (key, text)) in [("instruction", question), ("input", b""), ("output", answer)].into_iter().enumerate()
    {
        if index > 0 {
            sink.comma();
        }
        sink.key(key);
        sink.string(text);
    }
    if !whole {
        sink.comma();
        return write_conversations(written, sink);
    }
    if let Some(system) = system {
        sink.comma();
        sink.key("system");
        sink.string(system);
    }
    let (before, _) = pairs.split_at(pairs.len().saturating_sub(2));
    for (index, turn) in before.iter().enumerate() {
        sink.comma();
        if index == 0 {
            sink.key("history");
            sink.raw(b"[");
        }
        sink.raw(if index % 2 == 0 { b"[" } else { b"" });
        sink.string(turn.text);
        sink.raw(if index % 2 == 1 { b"]" } else { b"" });
    }
    sink.raw(if before.is_empty() { b"" } else { b"]" });
}

/// Whether instruction, output, system and history hold everything.
fn fits(written: &Written, system: Option<&[u8]>, pairs: &[Turn]) -> bool {
    let plain_text = matches!(pairs, [turn] if role_is(turn.role, Role::Text));
    let nothing_else = written.turns.iter().all(|turn| turn.parts.is_none() && written.extras(turn).next().is_none());
    nothing_else && system.is_none_or(|system| !system.is_empty()) && (plain_text || alternate(pairs))
}

/// Whether the turns are questions with one answer each, the last one answered too.
pub(super) fn alternate(turns: &[Turn]) -> bool {
    let in_order = turns.iter().enumerate().all(|(index, turn)| {
        let role = if index % 2 == 0 { Role::User } else { Role::Assistant };
        role_is(turn.role, role)
    });
    !turns.is_empty() && turns.len().is_multiple_of(2) && in_order
}

/// The last answer and the question before it; either is empty if there is none.
fn last_exchange<'a>(turns: &[Turn<'a>]) -> (&'a [u8], &'a [u8]) {
    let answers = |turn: &Turn| role_is(turn.role, Role::Assistant) || role_is(turn.role, Role::Text);
    let answer = turns.iter().rposition(answers);
    let question = turns[..answer.unwrap_or(turns.len())].iter().rfind(|turn| role_is(turn.role, Role::User));
    (question.map_or(b"", |turn| turn.text), answer.map_or(b"", |answer| turns[answer].text))
}
