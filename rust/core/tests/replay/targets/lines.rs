//! Lines of any bytes: every line is a row, a rejection or blank; a row read again is the same; what is JSON and what
//! a row says is as `serde_json` and the slow reference say.

use belle_core::batch::{Batch, Role};
use belle_core::read::{Format, LineReader, ReadOptions, RejectReason, Rejected, detect_format, read_line, read_lines};
use serde_json::Value;

use super::at_every_level;
use super::choices::Choices;
use super::reference::{self, Said};

/// The first byte is the format and how long a line may be, the rest are the lines.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let head = choices.byte();
    let format = Format::ALL[usize::from(head) % Format::ALL.len()];
    let max_line_bytes = if head >= 0x80 { 40 } else { 1 << 20 };
    check_lines(choices.rest(), ReadOptions { format, max_line_bytes });
}

/// A row that can be compared: id, turns, parts that are no text.
type Row = (Option<Vec<u8>>, Vec<(i8, Vec<u8>)>, u16);

/// Everything that reading gives: rows, the place of each, rejections, lines.
type Outcome = (Vec<Row>, Vec<(u64, u64, u32)>, Vec<Rejected>, u64);

/// One row of a batch.
pub fn row_of(batch: &Batch, row: usize) -> Row {
    let turns = batch.turns(row).map(|(role, text)| (role, text.to_vec())).collect();
    (batch.id(row).map(<[u8]>::to_vec), turns, batch.non_text_parts[row])
}

/// Checks everything that is promised about some lines.
pub fn check_lines(bytes: &[u8], options: ReadOptions) {
    let (rows, places, rejected, lines) = at_every_level(|| outcome(&[bytes], options));
    let _ = detect_format(bytes);
    let by_lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    assert_eq!(lines as usize, by_lines.len(), "lines");
    let (ones, threes) = (outcome(&by_lines, options), outcome(&by_threes(bytes, &by_lines), options));
    let whole = (rows, places, rejected, lines);
    assert_eq!(ones, whole, "line by line");
    assert_eq!(threes, whole, "three lines at a time");
    let (rows, places, rejected, _) = whole;
    check_places(bytes, &by_lines, &places, &rejected);
    check_again(bytes, options.format, &rows, &places);
    check_against_reference(bytes, options, &rows, &places, &rejected);
}

fn by_threes<'a>(bytes: &'a [u8], lines: &[&[u8]]) -> Vec<&'a [u8]> {
    let mut at = 0;
    let mut piece = |lines: &[&[u8]]| {
        let start = at;
        at += lines.iter().map(|line| line.len()).sum::<usize>();
        &bytes[start..at]
    };
    lines.chunks(3).map(&mut piece).collect()
}

fn outcome(pieces: &[&[u8]], options: ReadOptions) -> Outcome {
    let (mut batch, mut rejected, mut lines, mut at) = (Batch::default(), Vec::new(), 0, 0);
    for piece in pieces {
        lines += read_lines(piece, at, lines, &options, &mut batch, &mut rejected);
        at += piece.len() as u64;
    }
    check_batch(&batch);
    let rows = 0..batch.len();
    let place = |row| (batch.line_number[row], batch.line_offset[row], batch.line_length[row]);
    (rows.clone().map(|row| row_of(&batch, row)).collect(), rows.map(place).collect(), rejected, lines)
}

/// Every column has its length, offsets rise from 0 to the end, texts are UTF-8, roles are known.
pub fn check_batch(batch: &Batch) {
    let rows = batch.len();
    let lengths = [batch.line_offset.len(), batch.line_length.len(), batch.line_number.len(), batch.has_id.len()];
    assert_eq!(lengths, [rows; 4]);
    assert_eq!(batch.non_text_parts.len(), rows);
    let (turns, texts) = (batch.roles.len(), batch.text_values.len());
    for (offsets, items, end) in [
        (&batch.id_offsets, rows, batch.id_values.len()),
        (&batch.turn_offsets, rows, turns),
        (&batch.text_offsets, turns, texts),
    ] {
        assert_eq!(offsets.len(), items + 1);
        assert_eq!((offsets[0], offsets[items] as usize), (0, end));
        assert!(offsets.is_sorted());
    }
    for row in 0..rows {
        assert!(batch.turns(row).next().is_some(), "row {row} has no turn");
        assert!(batch.turns(row).all(|(_, text)| std::str::from_utf8(text).is_ok()));
        assert!(batch.id(row).is_none_or(|id| std::str::from_utf8(id).is_ok()));
    }
    assert!(batch.roles.iter().all(|&role| (0..Role::NAMES.len() as i8).contains(&role)));
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Each line that is not blank stands in one of the two lists, with its number, its offset and its length.
fn check_places(bytes: &[u8], lines: &[&[u8]], places: &[(u64, u64, u32)], rejected: &[Rejected]) {
    let mut expected = Vec::new();
    let mut at = 0;
    for (number, line) in (1_u64..).zip(lines) {
        let end = at + line.len();
        let mut rest = &bytes[at..end];
        if at == 0 {
            rest = rest.strip_prefix(BOM).unwrap_or(rest);
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if let Some(before) = rest.iter().position(|byte| !blank(byte)) {
            let after = rest.iter().rev().take_while(|byte| blank(byte)).count();
            expected.push((number, (end - rest.len() + before) as u64, (rest.len() - before - after) as u64));
        }
        at = end;
    }
    let rows = places.iter().map(|&(number, offset, length)| (number, offset, u64::from(length)));
    let mut found: Vec<_> = rows.chain(rejected.iter().map(|line| (line.line, line.offset, line.length))).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "rows and rejections");
}

/// A row read again, alone or at its place in the source, in any order, is the same row.
fn check_again(bytes: &[u8], format: Format, rows: &[Row], places: &[(u64, u64, u32)]) {
    let mut reader = LineReader::new(format);
    let order = (0..rows.len()).chain((0..rows.len()).rev());
    for row in order {
        let (_, offset, length) = places[row];
        let line = offset as usize..offset as usize + length as usize;
        let mut batch = Batch::default();
        read_line(&bytes[line.clone()], format, &mut batch).unwrap();
        reader.read(bytes, line, &mut batch).unwrap();
        check_batch(&batch);
        assert_eq!((&row_of(&batch, 0), &row_of(&batch, 1)), (&rows[row], &rows[row]), "row {row} again");
    }
}

/// What `serde_json` says about a text; nothing for numbers and depths that JSON allows and it does not.
pub fn parse(text: &[u8]) -> Option<Result<Value, serde_json::Error>> {
    match serde_json::from_slice::<Value>(text) {
        Err(error) if is_its_own_limit(&error) => None,
        parsed => Some(parsed),
    }
}

/// Whether the text may be JSON although `serde_json` refuses it.
pub fn is_its_own_limit(error: &serde_json::Error) -> bool {
    let message = error.to_string();
    message.starts_with("number out of range") || message.starts_with("recursion limit")
}

fn check_against_reference(
    bytes: &[u8],
    options: ReadOptions,
    rows: &[Row],
    places: &[(u64, u64, u32)],
    rejected: &[Rejected],
) {
    for (row, &(_, offset, length)) in rows.iter().zip(places) {
        let line = &bytes[offset as usize..][..length as usize];
        assert!(line.len() <= options.max_line_bytes);
        match parse(line) {
            None => {}
            Some(Ok(Value::Object(object))) => {
                assert_same(row, reference::read(&object, options.format).as_ref(), &object);
            }
            Some(other) => panic!("a row from {}: {other:?}", String::from_utf8_lossy(line)),
        }
    }
    for rejected in rejected {
        let line = &bytes[rejected.offset as usize..][..rejected.length as usize];
        let mut batch = Batch::default();
        assert!(!rejected.detail.contains('\n'), "{}", rejected.detail);
        if rejected.reason == RejectReason::LineTooLong {
            assert!(line.len() > options.max_line_bytes);
            continue;
        }
        let again = read_line(line, options.format, &mut batch).unwrap_err();
        assert_eq!((again.reason, &again.detail), (rejected.reason, &rejected.detail));
        check_batch(&batch);
        let broken =
            matches!(rejected.reason, RejectReason::NotJson | RejectReason::InvalidUtf8 | RejectReason::LoneSurrogate);
        assert_eq!(rejected.reason == RejectReason::InvalidUtf8, std::str::from_utf8(line).is_err());
        match parse(line) {
            None => {}
            Some(Err(error)) => assert!(broken, "{}: {error}", rejected.detail),
            Some(Ok(value)) => {
                assert!(!broken, "{}: {value}", rejected.detail);
                assert_eq!(rejected.reason == RejectReason::NotAnObject, !value.is_object());
                let read = value.as_object().and_then(|object| reference::read(object, options.format));
                assert!(read.is_none(), "{}: {read:?}", rejected.detail);
            }
        }
    }
}

/// Whether a row is what the reference reads; numbers and calls, which keep their spelling, by their value.
fn assert_same(
    (id, turns, non_text): &Row,
    expected: Option<&reference::Row>,
    object: &serde_json::Map<String, Value>,
) {
    let expected = expected.unwrap_or_else(|| panic!("a row that is none: {object:?}"));
    match (id, &expected.id) {
        (None, None) => {}
        (Some(id), Some(Value::String(text))) => assert_eq!(id, text.as_bytes()),
        (Some(id), Some(number)) => assert_eq!(&serde_json::from_slice::<Value>(id).unwrap(), number),
        other => panic!("ids {other:?}"),
    }
    assert_eq!(usize::from(*non_text), expected.non_text, "{object:?}");
    assert_eq!(turns.len(), expected.turns.len(), "{object:?}");
    for ((role, text), (expected_role, said)) in turns.iter().zip(&expected.turns) {
        assert_eq!(*role, *expected_role as i8, "{object:?}");
        match said {
            Said::Text(said) => assert_eq!(std::str::from_utf8(text).unwrap(), said, "{object:?}"),
            Said::Call(call) => assert_eq!(&serde_json::from_slice::<Value>(text).unwrap(), call),
        }
    }
}
