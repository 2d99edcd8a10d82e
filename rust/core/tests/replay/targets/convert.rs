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
    assert_eq!(read(there, to).as_ref(), Some(&expected), "{}", shown());
    if there != line.trim_ascii() {
        assert_eq!(read(there, Format::Mixed).as_ref(), Some(&expected), "as mixed: {}", shown());
    }

    for back in [from, Format::Messages, Format::Belle] {
        if matches!(back, Format::Text | Format::Mixed) || back == to {
            continue;
        }
        let mut line = Vec::new();
        write_row(there, to, back, &mut line).unwrap_or_else(|error| panic!("{}: {error}", shown()));
        let shown = || format!("{} to {}: {}", shown(), back.name(), String::from_utf8_lossy(&line));
        assert_eq!(read(&line, back), Some(spoken(expected.clone(), back)), "{}", shown());
    }
}

/// A member that means nothing to any format.
fn extra(row: &Value) -> Option<&Value> {
    row.get("extra")
}
