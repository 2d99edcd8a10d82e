//! A row in another format: JSON on one line that says the same there, and again when it comes back.

use belle_core::batch::{Batch, Role};
use belle_core::read::{Format, RowWriter, read_line, write_row};
use serde_json::Value;

use super::choices::Choices;
use super::lines::{check_batch, parse, row_of};
use super::row_text::RowMaker;

/// Formats and layout, then a row as `formats` makes it, or any bytes.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let (from, to) = (choices.one_of(&Format::ALL), choices.one_of(&Format::ALL));
    let layout = choices.byte();
    if layout & 0x80 != 0 {
        // Whoever cuts lines cuts at every line feed.
        let line = choices.rest().split(|&byte| byte == b'\n').next().unwrap_or_default();
        return check_line(line, from, to);
    }
    let shape = choices.part(usize::from(layout % 64));
    let mut maker = RowMaker { shape, text: choices, spaced: layout & 0x40 != 0 };
    check_line(maker.row().as_bytes(), from, to);
}

/// Id, turns and the parts that are no text.
type Row = (Option<Vec<u8>>, Vec<(i8, Vec<u8>)>, u16);

fn read(line: &[u8], format: Format) -> Option<Row> {
    let mut batch = Batch::default();
    let read = read_line(line, format, &mut batch);
    check_batch(&batch);
    read.ok().map(|()| row_of(&batch, 0))
}

/// What a row says in a format that has no plain text: an answer, in `alpaca` and `belle` to an empty question.
fn spoken((id, turns, parts): Row, to: Format) -> Row {
    let answers = |(role, text): (i8, Vec<u8>)| {
        let answer = (Role::Assistant as i8, text);
        match role {
            role if role != Role::Text as i8 => vec![(role, answer.1)],
            _ if matches!(to, Format::Alpaca | Format::Belle) => vec![(Role::User as i8, Vec::new()), answer],
            _ => vec![answer],
        }
    };
    (id, turns.into_iter().flat_map(answers).collect(), parts)
}

/// Name, arguments and the rest of each call, whatever form it has; the text itself if it is no call, and nothing where
/// `serde_json` cannot tell.
fn said(text: &[u8]) -> Option<Value> {
    let as_it_is = || Value::String(String::from_utf8_lossy(text).into_owned());
    let Ok(value) = parse(text)? else { return Some(as_it_is()) };
    let calls = match value {
        Value::Array(calls) if !calls.is_empty() => calls,
        Value::Object(_) => vec![value],
        _ => return Some(as_it_is()),
    };
    if !calls.iter().all(|call| inner(call).is_some_and(|call| call.get("name").is_some_and(Value::is_string))) {
        return Some(as_it_is());
    }
    calls.iter().map(said_of_call).collect()
}

/// The object with the name.
fn inner(call: &Value) -> Option<&serde_json::Map<String, Value>> {
    call.get("function").and_then(Value::as_object).or(call.as_object())
}

fn said_of_call(call: &Value) -> Option<Value> {
    let mut rest = inner(call)?.clone();
    let name = rest.remove("name");
    let mut arguments = rest.remove("arguments");
    arguments = if arguments.is_none() { rest.remove("parameters") } else { arguments };
    if call.get("function").is_some_and(Value::is_object) {
        let around = call.as_object()?;
        arguments = arguments.or(around.get("arguments").cloned());
        rest.extend(around.clone());
    }
    rest.retain(|key, _| !matches!(&key[..], "name" | "arguments" | "id" | "type" | "index" | "function"));
    let empty = || Value::Object(serde_json::Map::new());
    let arguments = match arguments {
        None | Some(Value::Null) => empty(),
        Some(Value::String(text)) if text.trim_ascii().is_empty() => empty(),
        Some(Value::String(text)) => match parse(text.as_bytes())? {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::String(text),
        },
        Some(other) => other,
    };
    Some(serde_json::json!([name, arguments, rest]))
}

/// Whether both rows say the same; their calls may have different forms.
fn same(one: &Row, other: &Row) -> bool {
    let same_turn = |((role, text), (other_role, other_text)): (&(i8, Vec<u8>), &(i8, Vec<u8>))| {
        let call = *role == Role::FunctionCall as i8;
        let same_call = || said(text).zip(said(other_text)).is_none_or(|(one, other)| one == other);
        role == other_role && (text == other_text || call && same_call())
    };
    one.0 == other.0 && one.2 == other.2 && one.1.len() == other.1.len() && one.1.iter().zip(&other.1).all(same_turn)
}

fn assert_same(found: Option<Row>, expected: &Row, shown: &str) {
    let found = found.unwrap_or_else(|| panic!("no row: {shown}"));
    assert!(same(&found, expected), "{found:?} is not {expected:?}: {shown}");
}

/// A row of nothing but what training reads is one of the format, and has its keys.
fn check_plain(line: &[u8], from: Format, to: Format, mut turns: Vec<(i8, Vec<u8>)>) {
    let mut there = Vec::new();
    if RowWriter::plain(from, to).write(line, &mut there).is_err() {
        assert_eq!(there, b"");
        return;
    }
    let keys: &[&str] = match to {
        Format::Alpaca | Format::Belle => &["history", "input", "instruction", "output", "system", "tools"],
        Format::Sharegpt => &["conversations", "tools"],
        Format::Messages => &["messages", "tools"],
        Format::Text | Format::Mixed => &["text"],
    };
    let shown = String::from_utf8_lossy(&there);
    if let Some(row) = parse(&there) {
        let row = row.unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut found: Vec<_> = row.as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, keys, "{shown}");
    }
    if matches!(to, Format::Alpaca | Format::Belle) {
        // There, no system text and an empty one are the same.
        turns.retain(|(role, text)| *role != Role::System as i8 || !text.is_empty());
    }
    assert_same(read(&there, to), &(None, turns, 0), &shown);
    let mut again = Vec::new();
    RowWriter::plain(to, to).write(&there, &mut again).unwrap();
    assert_eq!(again, there, "{shown}");
}

fn check_line(line: &[u8], from: Format, to: Format) {
    let row = read(line, from);
    let mut there = b"before".to_vec();
    let mut writer = RowWriter::new(from, to);
    if let Err(error) = writer.write(line, &mut there) {
        assert_eq!(there, b"before", "{error}");
        assert!(row.is_none() || to == Format::Text, "{error}");
        return;
    }
    let there = there.strip_prefix(b"before").unwrap();
    let mut again = Vec::new();
    writer.write(line, &mut again).unwrap();
    write_row(line, from, to, &mut again).unwrap();
    assert_eq!(again, [there, there].concat(), "the same again");
    if to != Format::Mixed
        && let Some(row) = &row
    {
        let said = if to == Format::Text { row.clone() } else { spoken(row.clone(), to) };
        check_plain(line, from, to, said.1);
    }
    if from == to || to == Format::Mixed {
        return;
    }
    let row = row.unwrap();
    let shown = || format!("{} to {}: {}", String::from_utf8_lossy(line), to.name(), String::from_utf8_lossy(there));
    assert!(!there.contains(&b'\n'), "{}", shown());
    if let (Some(Ok(before)), Some(after)) = (parse(line), parse(there)) {
        let after = after.unwrap_or_else(|error| panic!("{}: {error}", shown()));
        assert_eq!(extra(&before), extra(&after), "{}", shown());
    }
    let expected = if to == Format::Text { row } else { spoken(row, to) };
    assert_same(read(there, to), &expected, &shown());
    if there != line.trim_ascii() {
        assert_same(read(there, Format::Mixed), &expected, &format!("as mixed: {}", shown()));
    }

    for back in [from, Format::Messages, Format::Belle] {
        if matches!(back, Format::Text | Format::Mixed) || back == to {
            continue;
        }
        let mut line = Vec::new();
        write_row(there, to, back, &mut line).unwrap_or_else(|error| panic!("{}: {error}", shown()));
        let shown = || format!("{} to {}: {}", shown(), back.name(), String::from_utf8_lossy(&line));
        assert_same(read(&line, back), &spoken(expected.clone(), back), &shown());
    }
}

/// A member that means nothing to any format.
fn extra(row: &Value) -> Option<&Value> {
    row.get("extra")
}
