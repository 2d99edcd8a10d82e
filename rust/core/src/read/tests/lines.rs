//! Lines, their places, and what becomes of bad ones.

use proptest::prelude::*;

use super::{read, render};
use crate::batch::Batch;
use crate::dispatch::{Level, force};
use crate::read::{Format, ReadOptions, RejectReason, read_line, read_lines};

#[test]
fn places_of_rows() {
    let text = "\u{feff}{\"text\":\"a\"}\n\n \t\r\n  {\"text\":\"b\"} \r\n{\"text\":\"c\"}\r\n{\"text\":\"d\"}";
    let (batch, rejected, lines) = read(Format::Text, text.as_bytes());
    assert_eq!((lines, rejected.len()), (6, 0));
    assert_eq!(render(&batch), ["-|text: a", "-|text: b", "-|text: c", "-|text: d"]);
    assert_eq!(batch.line_number, [1, 4, 5, 6]);
    for row in 0..4 {
        let start = usize::try_from(batch.line_offset[row]).unwrap();
        let line = &text[start..start + batch.line_length[row] as usize];
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
        let mut again = Batch::default();
        read_line(line.as_bytes(), Format::Text, &mut again).unwrap();
        assert_eq!(render(&again), render(&batch)[row..=row]);
    }
}

#[test]
fn places_count_from_the_base() {
    let options = ReadOptions { format: Format::Text, max_line_bytes: 100 };
    let (mut batch, mut rejected) = (Batch::default(), Vec::new());
    let lines = read_lines(b"{\"text\":\"a\"}\n[]\n", 1000, 50, &options, &mut batch, &mut rejected);
    assert_eq!((lines, batch.line_offset[0], batch.line_number[0]), (2, 1000, 51));
    assert_eq!((rejected[0].offset, rejected[0].line, rejected[0].length), (1013, 52, 2));
    // A byte order mark anywhere else is no part of JSON.
    let lines = read_lines("\u{feff}{\"text\":\"a\"}".as_bytes(), 7, 0, &options, &mut batch, &mut rejected);
    assert_eq!((lines, rejected.len()), (1, 2));
    assert_eq!(rejected[1].detail, "byte 0: found U+FEFF, expected a value");
}

#[test]
fn empty_sources() {
    for (text, lines) in [("", 0), ("\n", 1), ("\u{feff}", 1), ("\u{feff}\n", 1), (" ", 1), ("\r\n\n\t", 3)] {
        let (batch, rejected, seen) = read(Format::Text, text.as_bytes());
        assert_eq!((seen, batch.len(), rejected.len()), (lines, 0, 0), "{text:?}");
    }
}

#[test]
fn bad_lines_leave_the_batch_untouched() {
    let good = b"{\"id\":\"1\",\"instruction\":\"q\",\"input\":\"\",\"output\":\"a\\n\"}".to_vec();
    let bad: [(&[u8], RejectReason); 12] = [
        (b"{", RejectReason::NotJson),
        (b"nothing", RejectReason::NotJson),
        (b"{\"instruction\":\"q\",\"output\":\"a\"} x", RejectReason::NotJson),
        (b"[]", RejectReason::NotAnObject),
        (b"\"text\"", RejectReason::NotAnObject),
        (b"{\"instruction\":\"q\"}", RejectReason::MissingField),
        (b"{\"id\":\"1\",\"instruction\":\"q\",\"input\":3,\"output\":\"a\"}", RejectReason::WrongType),
        (b"{\"id\":{},\"instruction\":\"q\",\"input\":\"\",\"output\":\"a\"}", RejectReason::WrongType),
        (b"{\"id\":\"1\",\"instruction\":\"\xff\",\"input\":\"\",\"output\":\"a\"}", RejectReason::InvalidUtf8),
        (b"{\"id\":\"1\",\"instruction\":\"\\ud800\",\"input\":\"\",\"output\":\"a\"}", RejectReason::LoneSurrogate),
        (b"{\"chosen\":1,\"rejected\":2}", RejectReason::PreferenceData),
        (
            b"{\"id\":\"1\",\"instruction\":\"q\",\"input\":\"\",\"output\":\"a\",\"history\":[[\"1\",\"2\"],[]]}",
            RejectReason::WrongType,
        ),
    ];
    for (line, reason) in bad {
        let text = [&good, line, &good].join(&b'\n');
        let (batch, rejected, lines) = read(Format::Alpaca, &text);
        assert_eq!((lines, rejected.len()), (3, 1), "{}", String::from_utf8_lossy(line));
        assert_eq!(render(&batch), ["1|user: q|assistant: a\n"; 2]);
        assert_eq!((rejected[0].reason, rejected[0].line), (reason, 2), "{}", rejected[0].detail);
        assert_eq!((rejected[0].offset, rejected[0].length), (good.len() as u64 + 1, line.len() as u64));
        let mut batch = Batch::default();
        assert_eq!(read_line(line, Format::Alpaca, &mut batch).unwrap_err().reason, reason);
        assert!(batch.is_empty() && batch.text_values.is_empty() && batch.roles.is_empty());
    }
}

#[test]
fn long_lines_are_not_read() {
    let options = ReadOptions { format: Format::Text, max_line_bytes: 12 };
    let (mut batch, mut rejected) = (Batch::default(), Vec::new());
    let text = b"{\"text\":\"a\"}\n{\"text\":\"ab\"}\nnot json but long\n{\"text\":\"b\"}   \n";
    assert_eq!(read_lines(text, 0, 0, &options, &mut batch, &mut rejected), 4);
    assert_eq!(render(&batch), ["-|text: a", "-|text: b"]);
    let seen: Vec<_> = rejected.iter().map(|line| (line.reason, line.detail.as_str())).collect();
    let reason = RejectReason::LineTooLong;
    let details = ["the line has 13 bytes, the most allowed is 12", "the line has 17 bytes, the most allowed is 12"];
    assert_eq!(seen, details.map(|detail| (reason, detail)));
}

#[test]
fn a_deep_line_is_read() {
    let deep = format!("{{\"text\":\"x\",\"deep\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (batch, ..) = read(Format::Text, deep.as_bytes());
    assert_eq!(render(&batch), ["-|text: x"]);
    let (_, rejected, _) = read(Format::Text, "[{\"\":".repeat(100_000).as_bytes());
    assert_eq!(rejected[0].detail, "byte 500000: found the end, expected a value");
}

/// Pieces that lines are made of; many neighbours share their shape, many do not.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "[a-z 汉字。]{0,90}".prop_map(String::from),
        Just(r#"\n\"\\\/\b\f\r\t\u0000\u4e2d\ud83d\ude00"#.to_owned()),
        Just(r"\ud83d".to_owned()),
        Just("Human: 一\\nAssistant: 二\\nHuman：三\\nAssistant:".to_owned()),
        Just("a\tb".to_owned()),
        Just("\"".to_owned()),
        "[x汉]{60,70}".prop_map(|text| text + r"\n"),
    ];
    let id = prop_oneof![Just("\"1\""), Just("17"), Just("-0.5e3"), Just("null"), Just("01"), Just("[]"), Just("{}")];
    let shaped = (id, text.clone(), text, 0..7).prop_map(|(id, one, two, shape)| match shape {
        0 => format!(r#"{{"id": {id}, "instruction": "{one}", "input": "", "output": "{two}"}}"#),
        1 => format!(r#"{{"instruction":"{one}","output":"{two}","id":{id}}}"#),
        2 => format!(r#"{{"id": {id}, "conversations": [{{"from": "human", "value": "{one}{two}"}}]}}"#),
        3 => format!(r#"{{"id": {id}, "instruction": "{one}", "input": null, "output": "{two}"}}  "#),
        4 => format!(r#"{{"id": {id}, "input": "{one}", "target": "{two}", "system": "s", "more": [], "x": true}}"#),
        5 => format!(r#"{{"text": "{one}{two}", "id": {id}}}"#),
        _ => String::new(),
    });
    let line = shaped.prop_map(String::into_bytes);
    (line, any::<prop::sample::Index>(), any::<u8>(), 0..8).prop_map(|(mut line, at, byte, change)| {
        if !line.is_empty() && byte != b'\n' {
            let at = at.index(line.len());
            match change {
                0 => line[at] = byte,
                1 => line.truncate(at),
                _ => {}
            }
        }
        line
    })
}

/// Everything that reading gives, comparable.
type Outcome = (Vec<String>, Vec<(u64, u64, u32)>, Vec<crate::read::Rejected>, u64);

fn outcome(bytes: &[u8], pieces: usize, format: Format) -> Outcome {
    let options = ReadOptions { format, max_line_bytes: 400 };
    let (mut batch, mut rejected, mut lines, mut at) = (Batch::default(), Vec::new(), 0, 0);
    for piece in bytes.split_inclusive(|&byte| byte == b'\n').collect::<Vec<_>>().chunks(pieces) {
        let piece = piece.concat();
        lines += read_lines(&piece, at, lines, &options, &mut batch, &mut rejected);
        at += piece.len() as u64;
    }
    let places = (0..batch.len()).map(|row| (batch.line_offset[row], batch.line_number[row], batch.line_length[row]));
    let places = places.collect();
    (render(&batch), places, rejected, lines)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_does_not_depend_on_its_neighbours(
        lines in prop::collection::vec((line(), any::<bool>()), 1..30), format in 0_usize..6
    ) {
        let format = Format::ALL[format];
        let joined: Vec<_> = lines.iter().map(|(line, crlf)| [line, &b"\r\n"[usize::from(!crlf)..]].concat()).collect();
        let bytes = joined.concat();
        let together = outcome(&bytes, usize::MAX, format);
        prop_assert_eq!(together.3, memchr::memchr_iter(b'\n', &bytes).count() as u64);
        let blank = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.trim_ascii().is_empty() && !line.contains(&b'\x0c')).count();
        prop_assert_eq!(together.0.len() + together.2.len() + blank, usize::try_from(together.3).unwrap());
        prop_assert_eq!(&outcome(&bytes, 1, format), &together);
        prop_assert_eq!(&outcome(&bytes, 3, format), &together);
        for level in Level::ALL {
            if force(Some(level)).is_ok() {
                prop_assert_eq!(&outcome(&bytes, usize::MAX, format), &together);
            }
        }
        force(None).unwrap();
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\":,\\u\n0d8 "[..])], 0..300)) {
        for format in Format::ALL {
            let seen = outcome(&bytes, usize::MAX, format);
            let ends = memchr::memchr_iter(b'\n', &bytes).count();
            let last = usize::from(!bytes.is_empty() && bytes.last() != Some(&b'\n'));
            prop_assert_eq!(seen.3, (ends + last) as u64);
        }
    }
}
