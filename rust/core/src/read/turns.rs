//! `sharegpt` and `messages`: lists of turns in the spellings that exist.

use std::borrow::Cow;

use super::error::Failure;
use super::fields::Key;
use super::row::{Row, push_turn};
use crate::batch::{Batch, Role};
use crate::json::Kind;

/// Reads `conversations` (or `conversation`) with an optional `system` beside it.
pub(super) fn read_conversations(row: &Row, batch: &mut Batch) -> Result<usize, Failure> {
    let list = conversations(row).ok_or_else(|| row.missing("`conversations`"))?;
    read_system(row, batch)?;
    read_list(row, list, batch)
}

/// Reads `messages` with an optional `system` beside it.
pub(super) fn read_messages(row: &Row, batch: &mut Batch) -> Result<usize, Failure> {
    let list = row.fields.get(Key::Messages).ok_or_else(|| row.missing("`messages`"))?;
    read_system(row, batch)?;
    read_list(row, list, batch)
}

/// The list of a `sharegpt` row: the first of its two names that holds a turn, else the one that is there.
pub(super) fn conversations(row: &Row) -> Option<usize> {
    let names = [Key::Conversations, Key::Conversation].map(|key| row.fields.get(key));
    let filled = |list: &usize| row.tape.items(*list).next().is_some();
    names.into_iter().flatten().find(filled).or(names[0]).or(names[1])
}

/// The system turn from the top of the row, if there is one and it says anything.
#[inline]
pub(super) fn read_system(row: &Row, batch: &mut Batch) -> Result<(), Failure> {
    if let Some(system) = row.optional(Key::System)?
        && !row.tape.at(system).inner().is_empty()
    {
        row.append(system, &mut batch.text_values);
        push_turn(batch, Role::System);
    }
    Ok(())
}

/// Reads every item of a list of turns; gives the number of parts that are no text.
pub(super) fn read_list(row: &Row, list: usize, batch: &mut Batch) -> Result<usize, Failure> {
    if row.kind(list) != Kind::Array {
        return Err(row.wrong_type(list, "the conversation", "a list of turns"));
    }
    let mut non_text = 0;
    let mut empty = true;
    for item in row.tape.items(list) {
        non_text += read_item(row, item, batch)?;
        empty = false;
    }
    if empty { Err(row.missing("turn: its list is empty")) } else { Ok(non_text) }
}

/// A key of one turn that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKey {
    From,
    Role,
    Value,
    Content,
    Text,
    Human,
    Assistant,
    ToolCalls,
    FunctionCall,
}

impl ItemKey {
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"from" => Self::From,
            b"role" => Self::Role,
            b"value" => Self::Value,
            b"content" => Self::Content,
            b"text" => Self::Text,
            b"human" => Self::Human,
            b"assistant" => Self::Assistant,
            b"tool_calls" => Self::ToolCalls,
            b"function_call" => Self::FunctionCall,
            _ => return None,
        })
    }
}

/// The keys of one turn; 0 for a key that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Item {
    values: [u32; 9],
}

impl Item {
    pub(super) fn collect(row: &Row, item: usize) -> Self {
        let mut found = Self::default();
        for (key, value) in row.tape.members(item) {
            if let Some(name) = ItemKey::from_name(&row.name(key)) {
                found.values[name as usize] = value as u32;
            }
        }
        found
    }

    fn get(&self, key: ItemKey) -> Option<usize> {
        let index = self.values[key as usize] as usize;
        (index != 0).then_some(index)
    }

    /// Who speaks.
    pub(super) fn speaker(&self) -> Option<usize> {
        self.get(ItemKey::From).or(self.get(ItemKey::Role))
    }

    /// What is said.
    pub(super) fn content(&self) -> Option<usize> {
        self.get(ItemKey::Value).or(self.get(ItemKey::Content)).or(self.get(ItemKey::Text))
    }

    /// A call beside the content, unless it is null or empty.
    pub(super) fn call(&self, row: &Row) -> Option<usize> {
        let keys = [ItemKey::ToolCalls, ItemKey::FunctionCall];
        keys.into_iter().filter_map(|key| self.get(key)).find(|&index| !says_nothing(row, index))
    }

    /// Question and answer of an item that names both speakers as keys.
    pub(super) fn pair(&self) -> [(Option<usize>, Role); 2] {
        let none = self.speaker().is_some();
        let side = |key| if none { None } else { self.get(key) };
        [(side(ItemKey::Human), Role::User), (side(ItemKey::Assistant), Role::Assistant)]
    }

    /// What becomes of a member of the item: its value may be read, be hidden by a later key of the same name, or be
    /// none of this module's business.
    pub(super) fn usage(&self, row: &Row, name: &[u8], value: usize) -> Usage {
        let Some(key) = ItemKey::from_name(name) else { return Usage::Other };
        if self.get(key) != Some(value) {
            return Usage::Hidden;
        }
        let empty_call = matches!(key, ItemKey::ToolCalls | ItemKey::FunctionCall) && says_nothing(row, value);
        let said = self.speaker() == Some(value) || self.content() == Some(value) || self.call(row) == Some(value);
        let paired = self.pair().iter().any(|(side, _)| *side == Some(value));
        if empty_call || paired || self.speaker().is_some() && said { Usage::Read } else { Usage::Misleading }
    }
}

/// What becomes of a member of an object when the object is written in another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Its value is in the turns.
    Read,
    /// A later key of the same name counts.
    Hidden,
    /// It was not read, but its name would be read in the other shape.
    Misleading,
    /// It means nothing to any format.
    Other,
}

/// Null, an empty list or an empty object.
pub(super) fn says_nothing(row: &Row, index: usize) -> bool {
    let token = row.tape.at(index);
    matches!(token.kind, Kind::Null | Kind::Array | Kind::Object) && token.next as usize == index + 1
}

/// Appends the one or two turns of an item; gives its number of parts that are no text.
pub(super) fn read_item(row: &Row, item: usize, batch: &mut Batch) -> Result<usize, Failure> {
    if row.kind(item) != Kind::Object {
        return Err(row.wrong_type(item, "a turn", "an object"));
    }
    let keys = Item::collect(row, item);
    let Some(speaker) = keys.speaker() else { return read_pair(row, item, &keys, batch) };
    let role = read_role(row, speaker)?;
    let call = keys.call(row);
    let Some(content) = keys.content() else {
        let call = call.ok_or_else(|| row.missing_in(item, "`value` or `content`", "a turn"))?;
        push_call(row, call, batch);
        return Ok(0);
    };
    let start = batch.text_values.len();
    let non_text = read_content(row, content, batch)?;
    if call.is_none() || batch.text_values.len() > start || non_text > 0 {
        push_turn(batch, role);
    }
    if let Some(call) = call {
        push_call(row, call, batch);
    }
    Ok(non_text)
}

fn push_call(row: &Row, call: usize, batch: &mut Batch) {
    batch.text_values.extend_from_slice(row.raw(call));
    push_turn(batch, Role::FunctionCall);
}

/// An item that names the speakers as keys: `{"human": …, "assistant": …}`.
fn read_pair(row: &Row, item: usize, keys: &Item, batch: &mut Batch) -> Result<usize, Failure> {
    let mut any = false;
    for (side, role) in keys.pair() {
        let Some(side) = side else { continue };
        any = true;
        match row.kind(side) {
            Kind::Plain | Kind::Escaped => row.append(side, &mut batch.text_values),
            Kind::Null => {}
            _ => return Err(row.wrong_type(side, "a side of a turn", "a string or null")),
        }
        push_turn(batch, role);
    }
    if any { Ok(0) } else { Err(row.missing_in(item, "`from` or `role`", "a turn")) }
}

/// A string, nothing, or a list of parts.
fn read_content(row: &Row, content: usize, batch: &mut Batch) -> Result<usize, Failure> {
    match row.kind(content) {
        Kind::Plain | Kind::Escaped => row.append(content, &mut batch.text_values),
        Kind::Null => {}
        Kind::Array => {
            let mut non_text = 0;
            for part in row.tape.items(content) {
                non_text += usize::from(!read_part(row, part, batch)?);
            }
            return Ok(non_text);
        }
        _ => return Err(row.wrong_type(content, "what a turn says", "a string, null or a list of parts")),
    }
    Ok(0)
}

/// Appends a part that is text; whether it was.
fn read_part(row: &Row, part: usize, batch: &mut Batch) -> Result<bool, Failure> {
    let text = text_of_part(row, part)?;
    if let Some(text) = text {
        row.append(text, &mut batch.text_values);
    }
    Ok(text.is_some())
}

/// The string that a part says; nothing for a part that is no text.
pub(super) fn text_of_part(row: &Row, part: usize) -> Result<Option<usize>, Failure> {
    match row.kind(part) {
        Kind::Plain | Kind::Escaped => return Ok(Some(part)),
        Kind::Object => {}
        _ => return Err(row.wrong_type(part, "a part of a turn", "an object or a string")),
    }
    let value = |name: &[u8]| {
        let named = row.tape.members(part).filter(|(key, _)| *row.name(*key) == *name);
        named.last().map(|(_, value)| value)
    };
    let kind = value(b"type").map(|kind| if row.kind(kind).is_string() { row.name(kind) } else { Cow::default() });
    let text = value(b"text");
    match (kind.as_deref(), text) {
        (Some(b"text" | b"input_text" | b"output_text"), None) => {
            Err(row.missing_in(part, "`text`", "a part of a turn"))
        }
        (Some(b"text" | b"input_text" | b"output_text") | None, Some(text)) => {
            if !row.kind(text).is_string() {
                return Err(row.wrong_type(text, "`text` of a part", "a string"));
            }
            Ok(Some(text))
        }
        _ => Ok(None),
    }
}

/// The role that a turn names, in any case.
pub(super) fn read_role(row: &Row, speaker: usize) -> Result<Role, Failure> {
    if !row.kind(speaker).is_string() {
        return Err(row.wrong_type(speaker, "the speaker of a turn", "a string"));
    }
    role_from_name(&row.name(speaker)).ok_or_else(|| {
        let rule = "a known role (system, user, assistant, function_call, observation or a usual spelling)";
        row.wrong_type(speaker, "the speaker of a turn", rule)
    })
}

fn role_from_name(name: &[u8]) -> Option<Role> {
    let mut lower = [0; 24];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"human" | b"user" | b"prompter" | b"question" => Role::User,
        b"gpt" | b"assistant" | b"bot" | b"chatgpt" | b"bard" | b"bing" | b"model" | b"answer" => Role::Assistant,
        b"system" | b"developer" => Role::System,
        b"function_call" | b"tool_call" | b"tool_calls" => Role::FunctionCall,
        b"observation" | b"tool" | b"function" | b"function_response" | b"tool_response" => Role::Observation,
        _ => return None,
    })
}
