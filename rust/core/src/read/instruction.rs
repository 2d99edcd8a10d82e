//! `alpaca` and `belle`: a prompt, an answer, and what may stand around them.

use super::error::Failure;
use super::fields::Key;
use super::row::{Row, push_turn};
use super::turns;
use crate::batch::{Batch, Role};
use crate::json::Kind;

/// Reads `instruction`, `input`, `output` and, in `belle`, `target` and turns inside the prompt.
/// A list of turns beside them holds more than they do and is preferred. Gives the number of parts that are no text.
#[inline]
pub(super) fn read(row: &Row, belle: bool, batch: &mut Batch) -> Result<usize, Failure> {
    if let Some(list) = conversations_beside(row) {
        turns::read_system(row, batch)?;
        return turns::read_list(row, list, batch);
    }
    let answer = answer_key(row, belle);
    let without_instruction = belle && answer == Key::Target && row.fields.get(Key::Instruction).is_none();
    let instruction = if without_instruction { None } else { Some(row.required(Key::Instruction)?) };
    let input = if without_instruction { Some(row.required(Key::Input)?) } else { row.optional(Key::Input)? };
    if row.fields.get(answer).is_none() {
        return Err(row.missing(if belle { "`output` or `target`" } else { "`output`" }));
    }
    let output = row.optional(answer)?;

    turns::read_system(row, batch)?;
    read_history(row, batch)?;
    let start = batch.text_values.len();
    if let Some(instruction) = instruction {
        row.append(instruction, &mut batch.text_values);
    }
    if let Some(input) = input {
        if batch.text_values.len() > start && !row.tape.at(input).inner().is_empty() {
            batch.text_values.push(b'\n');
        }
        row.append(input, &mut batch.text_values);
    }
    if belle && is_dialogue(&batch.text_values[start..]) {
        split_dialogue(batch, start);
    } else {
        push_turn(batch, Role::User);
    }
    if let Some(output) = output {
        row.append(output, &mut batch.text_values);
    }
    push_turn(batch, Role::Assistant);
    Ok(0)
}

/// The list of turns that an instruction row may hold beside its own keys.
pub(super) fn conversations_beside(row: &Row) -> Option<usize> {
    let list = row.fields.get(Key::Conversations)?;
    row.tape.items(list).next().map(|_| list)
}

/// The key that holds the answer.
pub(super) fn answer_key(row: &Row, belle: bool) -> Key {
    let target = belle && row.fields.get(Key::Output).is_none() && row.fields.get(Key::Target).is_some();
    if target { Key::Target } else { Key::Output }
}

/// The questions and answers before this one, oldest first.
fn read_history(row: &Row, batch: &mut Batch) -> Result<(), Failure> {
    let Some(history) = row.fields.get(Key::History) else { return Ok(()) };
    match row.kind(history) {
        Kind::Null => return Ok(()),
        Kind::Array => {}
        _ => return Err(row.wrong_type(history, "`history`", "a list of [question, answer] or null")),
    }
    for pair in row.tape.items(history) {
        let mut sides = row.tape.items(pair);
        let (Some(question), Some(answer), None) = (sides.next(), sides.next(), sides.next()) else {
            return Err(row.wrong_type(pair, "an item of `history`", "a list of a question and an answer"));
        };
        for (side, role) in [(question, Role::User), (answer, Role::Assistant)] {
            if !row.kind(side).is_string() {
                return Err(row.wrong_type(side, "a side of an item of `history`", "a string"));
            }
            row.append(side, &mut batch.text_values);
            push_turn(batch, role);
        }
    }
    Ok(())
}

const BLANKS: &[u8] = b" \t\r\n";

/// Whether nothing but blanks is in a text.
pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| BLANKS.contains(byte))
}

/// Whether a prompt is a conversation: its first word is the marker `Human:`.
///
/// A prompt that only quotes a conversation somewhere inside is one question.
#[inline]
pub(super) fn is_dialogue(prompt: &[u8]) -> bool {
    let start = prompt.iter().position(|byte| !BLANKS.contains(byte)).unwrap_or(prompt.len());
    matches!(marker(&prompt[start..]), Some((Role::User, _)))
}

/// The speaker that a line names, and the length of the marker with the blanks before it.
#[inline]
fn marker(line: &[u8]) -> Option<(Role, usize)> {
    let blanks = line.iter().position(|byte| !b" \t".contains(byte))?;
    let line = &line[blanks..];
    let (role, name) = match line.first()? {
        b'H' => (Role::User, &b"Human"[..]),
        b'A' => (Role::Assistant, &b"Assistant"[..]),
        _ => return None,
    };
    let rest = line.strip_prefix(name)?;
    let colon = [&b":"[..], "：".as_bytes()].into_iter().find(|colon| rest.starts_with(colon))?;
    Some((role, blanks + name.len() + colon.len()))
}

/// Turns the prompt at the end of the batch's text into turns, in place: text only moves to the left.
fn split_dialogue(batch: &mut Batch, start: usize) {
    let end = batch.text_values.len();
    let first = batch.text_values[start..].iter().position(|byte| !BLANKS.contains(byte));
    let mut at = start + first.unwrap_or_default();
    let mut written = start;
    while let Some((role, length)) = marker(&batch.text_values[at..end]) {
        let body = at + length;
        let mut next = body;
        // The turn ends where a line begins with the next marker.
        at = loop {
            match memchr::memchr(b'\n', &batch.text_values[next..end]) {
                None => break end,
                Some(newline) => next += newline + 1,
            }
            if marker(&batch.text_values[next..end]).is_some() {
                break next;
            }
        };
        let text = &batch.text_values[body..at];
        let before = text.iter().position(|byte| !BLANKS.contains(byte)).unwrap_or(text.len());
        let after = text.iter().rev().position(|byte| !BLANKS.contains(byte)).unwrap_or_default();
        // Blanks at the very end stand beside no marker and are kept, unless nothing else is there.
        let after = if at == end { 0 } else { after };
        let (from, to) = (body + before, (at - after).max(body + before));
        if at == end && role == Role::Assistant && from == to {
            break;
        }
        batch.text_values.copy_within(from..to, written);
        written += to - from;
        batch.roles.push(role as i8);
        batch.text_offsets.push(written as i32);
    }
    batch.text_values.truncate(written);
}
