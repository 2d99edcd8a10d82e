//! Rows that hold nothing but what training reads, each with the same keys and types.

use std::borrow::Cow;

use super::calls::readable_call;
use super::detect::begins_dialogue;
use super::error::{Failure, RejectReason};
use super::fields::Key;
use super::format::Format;
use super::instruction::is_dialogue;
use super::row::Row;
use super::style::Sink;
use super::turns::says_nothing;
use super::write_turns::{Turn, Written, alternate, from_name, message_name, role_is};
use crate::batch::Role;
use crate::json::{Kind, Tape, scan};

/// Keys of what a text model cannot see.
const MEDIA: [&[u8]; 3] = [b"images", b"videos", b"audios"];

/// Writes the row as an object with the keys of `to` and no other: texts as strings, empty where there is none.
///
/// # Errors
/// [`RejectReason::WrongType`] for what these keys cannot hold: parts that are no text, pictures, sound and film, calls
/// that are none, tools that are no list, and in `alpaca` and `belle` turns that are no questions with answers. Part of
/// the row may be written then.
pub(super) fn write_plain(
    row: &Row,
    from: Format,
    to: Format,
    written: &Written,
    sink: &mut Sink,
) -> Result<(), Failure> {
    check_media(row, written)?;
    sink.raw(b"{");
    let turns = written.turns();
    match to {
        Format::Text => {
            sink.key("text");
            sink.string(turns.first().map_or(b"", |turn| turn.text));
            sink.raw(b"}");
            return Ok(());
        }
        Format::Alpaca | Format::Belle => write_exchanges(row, from, to, written, sink)?,
        Format::Messages => write_list(row, ("messages", "role", "content"), turns, message_name, sink)?,
        _ => write_list(row, ("conversations", "from", "value"), turns, from_name, sink)?,
    }
    sink.comma();
    sink.key("tools");
    sink.string(&tools(row)?);
    sink.raw(b"}");
    Ok(())
}

fn check_media(row: &Row, written: &Written) -> Result<(), Failure> {
    if let Some(parts) = written.turns().iter().find_map(|turn| turn.parts) {
        return Err(refused(row, parts, "a turn has a part that is no text, which a plain row cannot hold"));
    }
    for (key, value) in row.tape.members(0) {
        let is_empty = says_nothing(row, value) || row.kind(value).is_string() && row.text(value).is_empty();
        if MEDIA.contains(&&*row.name(key)) && !is_empty {
            return Err(refused(row, key, "the row has pictures, film or sound, which a plain row cannot hold"));
        }
    }
    Ok(())
}

#[cold]
fn refused(row: &Row, index: usize, rule: &str) -> Failure {
    Failure::at(RejectReason::WrongType, row.tape.at(index).raw().start, rule)
}

/// The list of tools as the text that holds it, empty without one.
fn tools<'a>(row: &Row<'a>) -> Result<Cow<'a, [u8]>, Failure> {
    let last = row.tape.members(0).filter(|(key, _)| *row.name(*key) == *b"tools").last();
    let Some((_, value)) = last.filter(|(_, value)| !says_nothing(row, *value)) else {
        return Ok(Cow::Borrowed(b""));
    };
    let text = match row.kind(value) {
        Kind::Plain | Kind::Escaped => Cow::Owned(row.text(value)),
        _ => Cow::Borrowed(row.raw(value)),
    };
    let mut tape = Tape::new();
    if text.trim_ascii().is_empty() {
        return Ok(Cow::Borrowed(b""));
    }
    let is_list = scan(&text, &mut tape).is_ok()
        && tape.at(0).kind == Kind::Array
        && tape.items(0).all(|item| tape.at(item).kind == Kind::Object);
    let rule = "`tools` is no list of objects, which training needs";
    if is_list { Ok(text) } else { Err(refused(row, value, rule)) }
}

fn write_list(
    row: &Row,
    (key, speaker, said): (&str, &str, &str),
    turns: &[Turn],
    name: fn(i8) -> &'static str,
    sink: &mut Sink,
) -> Result<(), Failure> {
    sink.key(key);
    sink.raw(b"[");
    for (index, turn) in turns.iter().enumerate() {
        if index > 0 {
            sink.comma();
        }
        sink.raw(b"{");
        sink.key(speaker);
        sink.string(name(turn.role).as_bytes());
        sink.comma();
        sink.key(said);
        if role_is(turn.role, Role::FunctionCall) {
            let rule = "a call is no JSON with `name` and `arguments`, which training needs";
            sink.string(&readable_call(turn.text).ok_or_else(|| refused(row, turn.item.unwrap_or(0), rule))?);
        } else {
            sink.string(turn.text);
        }
        sink.raw(b"}");
    }
    sink.raw(b"]");
    Ok(())
}

fn write_exchanges(row: &Row, from: Format, to: Format, written: &Written, sink: &mut Sink) -> Result<(), Failure> {
    let turns = written.turns();
    let (system, turns) = match turns.split_first() {
        Some((first, rest)) if role_is(first.role, Role::System) => (first.text, rest),
        _ => (&b""[..], turns),
    };
    let (before, question, answer) = match turns {
        [answer] if role_is(answer.role, Role::Text) => (&[][..], &b""[..], answer.text),
        [before @ .., question, answer] if alternate(turns) => (before, question.text, answer.text),
        _ => {
            let rule = format!(
                "the turns are no questions with one answer each, which `{}` holds; `sharegpt` and `messages` hold any",
                to.name()
            );
            return Err(refused(row, 0, &rule));
        }
    };
    let (instruction, input) = split_question(row, from, written, question);
    if to == Format::Belle && is_dialogue(question) {
        let rule = "the question begins with `Human:`, which `belle` takes for a conversation; `alpaca` holds it";
        return Err(refused(row, 0, rule));
    }
    for (key, text) in [("instruction", &*instruction), ("input", &*input), ("output", answer), ("system", system)] {
        sink.key(key);
        sink.string(text);
        sink.comma();
    }
    sink.key("history");
    sink.raw(b"[");
    for (index, pair) in before.chunks_exact(2).enumerate() {
        if index > 0 {
            sink.comma();
        }
        sink.raw(b"[");
        sink.string(pair[0].text);
        sink.comma();
        sink.string(pair[1].text);
        sink.raw(b"]");
    }
    sink.raw(b"]");
    Ok(())
}

/// Instruction and input as the row has them, if the question is those two; else all of it as the instruction.
fn split_question<'a>(
    row: &Row,
    from: Format,
    written: &Written,
    question: &'a [u8],
) -> (Cow<'a, [u8]>, Cow<'a, [u8]>) {
    let is_split = match from {
        Format::Alpaca => true,
        Format::Belle => !begins_dialogue(row),
        _ => false,
    };
    let text = |key| row.fields.get(key).filter(|&index| row.kind(index).is_string()).map(|index| row.text(index));
    match text(Key::Instruction).filter(|_| is_split && !written.has_list) {
        Some(instruction) => (Cow::Owned(instruction), Cow::Owned(text(Key::Input).unwrap_or_default())),
        None => (Cow::Borrowed(question), Cow::Borrowed(b"")),
    }
}
