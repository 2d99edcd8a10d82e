//! The formats read slowly from `serde_json`'s values, as `docs/formats.md` describes them.

use belle_core::batch::Role;
use belle_core::read::Format;
use serde_json::{Map, Value};

/// What a turn says: text, or the JSON of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Text(String),
    Call(Value),
}

/// A row: its id as JSON, its turns, and how many parts are no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: Option<Value>,
    pub turns: Vec<(Role, Said)>,
    pub non_text: usize,
}

const BETTER: [&str; 3] = ["chosen", "chosen_response", "preferred_output"];
const WORSE: [&str; 4] = ["rejected", "rejected_output", "rejected_response", "non_preferred_output"];

/// The row of an object; `None` if it is none of that format.
pub fn read(object: &Map<String, Value>, format: Format) -> Option<Row> {
    let any = |names: &[&str]| names.iter().any(|&name| object.contains_key(name));
    if any(&BETTER) && any(&WORSE) {
        return None;
    }
    let mut row = Row { id: None, turns: Vec::new(), non_text: 0 };
    match (format, family(object)) {
        (Format::Alpaca, _) => instruction(object, false, &mut row)?,
        (Format::Belle, _) | (Format::Mixed, Some(Format::Alpaca)) => instruction(object, true, &mut row)?,
        (Format::Sharegpt, _) | (Format::Mixed, Some(Format::Sharegpt)) => conversations(object, &mut row)?,
        (Format::Messages, _) | (Format::Mixed, Some(Format::Messages)) => {
            let list = object.get("messages")?;
            system(object, &mut row)?;
            turns(list, &mut row)?;
        }
        (Format::Text, _) | (Format::Mixed, Some(_)) => row.say(Role::Text, object.get("text")?.as_str()?),
        (Format::Mixed, None) => return None,
    }
    row.id = match object.get("id") {
        None | Some(Value::Null) => None,
        Some(id @ (Value::String(_) | Value::Number(_))) => Some(id.clone()),
        Some(_) => return None,
    };
    Some(row)
}

fn family(object: &Map<String, Value>) -> Option<Format> {
    let has = |name: &str| object.contains_key(name);
    if has("messages") {
        Some(Format::Messages)
    } else if has("conversations") || has("conversation") {
        Some(Format::Sharegpt)
    } else if has("instruction") || has("output") || has("input") && has("target") {
        Some(Format::Alpaca)
    } else {
        has("text").then_some(Format::Text)
    }
}

impl Row {
    fn say(&mut self, role: Role, text: &str) {
        self.turns.push((role, Said::Text(text.to_owned())));
    }
}

/// The string at a key; empty text for null or no key.
fn optional<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match object.get(name) {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    }
}

fn filled(list: Option<&Value>) -> Option<&Value> {
    list.filter(|list| list.as_array().is_some_and(|items| !items.is_empty()))
}

fn instruction(object: &Map<String, Value>, belle: bool, row: &mut Row) -> Option<()> {
    if let Some(list) = filled(object.get("conversations")) {
        system(object, row)?;
        return turns(list, row);
    }
    let has = |name: &str| object.contains_key(name);
    let target = belle && !has("output") && has("target");
    let (instruction, input) = if target && !has("instruction") {
        ("", object.get("input")?.as_str()?)
    } else {
        (object.get("instruction")?.as_str()?, optional(object, "input")?)
    };
    let answer = if target { "target" } else { "output" };
    object.get(answer)?;
    let answer = optional(object, answer)?;
    system(object, row)?;
    match object.get("history") {
        None | Some(Value::Null) => {}
        Some(history) => {
            for pair in history.as_array()? {
                let [question, answer] = &pair.as_array()?[..] else { return None };
                row.say(Role::User, question.as_str()?);
                row.say(Role::Assistant, answer.as_str()?);
            }
        }
    }
    let parts: Vec<&str> = [instruction, input].into_iter().filter(|part| !part.is_empty()).collect();
    let prompt = parts.join("\n");
    match dialogue(&prompt).filter(|_| belle) {
        Some(turns) => turns.into_iter().for_each(|(role, text)| row.say(role, &text)),
        None => row.say(Role::User, &prompt),
    }
    row.say(Role::Assistant, answer);
    Some(())
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The speaker that a line begins with, and the rest of the line.
fn marker(line: &str) -> Option<(Role, &str)> {
    let line = line.trim_start_matches([' ', '\t']);
    [("Human", Role::User), ("Assistant", Role::Assistant)].into_iter().find_map(|(name, role)| {
        let rest = line.strip_prefix(name)?;
        Some((role, rest.strip_prefix(':').or_else(|| rest.strip_prefix('：'))?))
    })
}

/// The turns of a prompt whose first word is `Human:`.
fn dialogue(prompt: &str) -> Option<Vec<(Role, String)>> {
    let prompt = prompt.trim_start_matches(BLANKS);
    marker(prompt).filter(|(role, _)| *role == Role::User)?;
    let mut turns: Vec<(Role, String)> = Vec::new();
    for line in prompt.split_inclusive('\n') {
        match (marker(line), turns.last_mut()) {
            (Some((role, rest)), last) => {
                if let Some((_, text)) = last {
                    *text = text.trim_end_matches(BLANKS).to_owned();
                }
                turns.push((role, rest.to_owned()));
            }
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => return None,
        }
    }
    for (_, text) in &mut turns {
        *text = text.trim_start_matches(BLANKS).to_owned();
    }
    turns.pop_if(|(role, text)| *role == Role::Assistant && text.is_empty());
    Some(turns)
}

fn system(object: &Map<String, Value>, row: &mut Row) -> Option<()> {
    let system = optional(object, "system")?;
    if !system.is_empty() {
        row.say(Role::System, system);
    }
    Some(())
}

fn conversations(object: &Map<String, Value>, row: &mut Row) -> Option<()> {
    let [plural, singular] = ["conversations", "conversation"].map(|name| object.get(name));
    let list = filled(plural).or(filled(singular)).or(plural).or(singular)?;
    system(object, row)?;
    turns(list, row)
}

fn turns(list: &Value, row: &mut Row) -> Option<()> {
    let items = list.as_array()?;
    items.iter().try_for_each(|item| turn(item.as_object()?, row))?;
    (!items.is_empty()).then_some(())
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn turn(item: &Map<String, Value>, row: &mut Row) -> Option<()> {
    let first = |names: &[&str]| names.iter().find_map(|&name| item.get(name));
    let Some(speaker) = first(&["from", "role"]) else {
        let before = row.turns.len();
        for (name, role) in [("human", Role::User), ("assistant", Role::Assistant)] {
            if item.contains_key(name) {
                row.say(role, optional(item, name)?);
            }
        }
        return (row.turns.len() > before).then_some(());
    };
    let role = role(&speaker.as_str()?.to_ascii_lowercase())?;
    let call =
        ["tool_calls", "function_call"].iter().filter_map(|&name| item.get(name)).find(|call| !says_nothing(call));
    let content = first(&["value", "content", "text"]);
    if content.is_none() && call.is_none() {
        return None;
    }
    if let Some(content) = content {
        let (mut text, mut non_text) = (String::new(), 0);
        match content {
            Value::Null => {}
            Value::String(whole) => text.push_str(whole),
            Value::Array(parts) => {
                for part in parts {
                    match part_text(part)? {
                        Some(part) => text.push_str(part),
                        None => non_text += 1,
                    }
                }
            }
            _ => return None,
        }
        if call.is_none() || !text.is_empty() || non_text > 0 {
            row.say(role, &text);
        }
        row.non_text += non_text;
    }
    if let Some(call) = call {
        row.turns.push((Role::FunctionCall, Said::Call(call.clone())));
    }
    Some(())
}

/// The text of a part, nothing if it is none; no answer at all for what is no part.
fn part_text(part: &Value) -> Option<Option<&str>> {
    let part = match part {
        Value::String(text) => return Some(Some(text)),
        Value::Object(part) => part,
        _ => return None,
    };
    let is_text = part.get("type").map(|kind| matches!(kind.as_str(), Some("text" | "input_text" | "output_text")));
    match (is_text, part.get("text")) {
        (Some(true), None) => None,
        (Some(true) | None, Some(text)) => Some(Some(text.as_str()?)),
        _ => Some(None),
    }
}

fn role(name: &str) -> Option<Role> {
    Some(match name {
        "human" | "user" | "prompter" | "question" => Role::User,
        "gpt" | "assistant" | "bot" | "chatgpt" | "bard" | "bing" | "model" | "answer" => Role::Assistant,
        "system" | "developer" => Role::System,
        "function_call" | "tool_call" | "tool_calls" => Role::FunctionCall,
        "observation" | "tool" | "function" | "function_response" | "tool_response" => Role::Observation,
        _ => return None,
    })
}
