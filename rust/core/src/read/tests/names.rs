//! Rows whose keys have other names, and whole chunks.

use std::fmt::Write;

use crate::read::{ConvertOptions, Format, Names, RejectReason, convert_chunk, rename_lines};

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(own, name)| ((*own).to_owned(), (*name).to_owned())).collect()
}

fn names() -> Names {
    Names {
        keys: pairs(&[("dialog", "conversations"), ("sys", "system")]),
        list: Some("dialog".to_owned()),
        item_keys: pairs(&[("who", "from"), ("says", "value")]),
        speaker: Some("who".to_owned()),
        speakers: pairs(&[("Q", "human"), ("A", "gpt")]),
    }
}

#[test]
fn names_of_keys_turns_and_speakers() {
    let line = r#"{"system":1, "\u0073ys" : "s","dialog":[{"who":"Q","says":"q","from":2},{"who":"A","says":"Q"},3]}"#;
    let expected = r#"{"source_system":1, "system" : "s","conversations":[{"from":"human","value":"q","source_from":2},{"from":"gpt","value":"Q"},3]}"#;
    assert_eq!(names().rename(line.as_bytes()), expected.as_bytes());
    for other in ["", "[1]", "{", "\u{feff}{}", r#"{"a":1}"#] {
        assert_eq!(names().rename(other.as_bytes()), other.as_bytes());
    }
    assert_eq!(rename_lines(b"{\"sys\":\"s\"}\r\n\nx", &names()), b"{\"system\":\"s\"}\r\n\nx");
}

#[test]
fn standard_names_change_nothing() {
    let names = Names { keys: pairs(&[("instruction", "instruction")]), ..Names::default() };
    assert!(names.is_standard());
    assert_eq!(names.rename(br#"{"instruction":"q"}"#), &br#"{"instruction":"q"}"#[..]);
}

#[test]
fn chunks_do_not_change_the_result() {
    let mut source = "\u{feff}".to_owned();
    for row in 0..3000 {
        write!(source, "{{\"instruction\":\"问{row}\",\"input\":\"i{row}\",\"output\":\"答\"}}\r\n\n").unwrap();
        source += if row % 7 == 0 { "bad\n" } else { "" };
    }
    let options = ConvertOptions {
        from: Format::Alpaca,
        to: Format::Messages,
        lossless: true,
        max_line_bytes: 1000,
        names: None,
    };
    let whole = convert_chunk(source.as_bytes(), 0, usize::MAX, 0, &options);
    assert_eq!((whole.rows, whole.rejected.len(), whole.lines), (3000, 429, 6429));
    assert_eq!(whole.end, source.len() as u64);
    for size in [1, 1000, 300_000] {
        let (mut at, mut lines, mut out, mut rejected) = (0, 0, Vec::new(), Vec::new());
        while at < source.len() as u64 {
            let mut chunk = convert_chunk(source.as_bytes(), at, size, lines, &options);
            at = chunk.end;
            lines += chunk.lines;
            out.append(&mut chunk.out);
            rejected.append(&mut chunk.rejected);
        }
        assert!(out == whole.out && rejected == whole.rejected && lines == whole.lines);
    }
}

#[test]
fn lines_that_stay_as_they_are_are_looked_at_too() {
    let options =
        ConvertOptions { from: Format::Text, to: Format::Text, lossless: true, max_line_bytes: 20, names: None };
    let done =
        convert_chunk(b"{\"text\":\"a\"}\n{\"text\":1}\n{\"text\":\"aaaaaaaaaaaaaaa\"}", 0, 1 << 20, 5, &options);
    assert_eq!(done.out, b"{\"text\":\"a\"}\n");
    let rejected: Vec<_> = done.rejected.iter().map(|one| (one.line, one.offset, one.reason)).collect();
    assert_eq!(rejected, [(7, 13, RejectReason::WrongType), (8, 24, RejectReason::LineTooLong)]);
    assert_eq!(convert_chunk(b"", 0, 1, 0, &options).lines, 0);
    assert_eq!(convert_chunk(b"{}", 9, 1, 0, &options).end, 2);
    assert_eq!(convert_chunk("\u{feff}".as_bytes(), 0, 1, 0, &options).lines, 1);
}
