//! What JSON allows is accepted and what it forbids is refused, as a whole line and as a value in a row.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod against_serde;
mod tables;

use belle_core::batch::Batch;
use belle_core::dispatch::{Level, force};
use belle_core::json::{ScanErrorKind, Tape, scan, scan_within};
use belle_core::read::{Format, ReadOptions, RejectReason, read_line, read_lines};
use tables::{INVALID, LONE, NOT_UTF8, VALID};

fn at_every_level(check: impl Fn()) {
    for level in Level::ALL {
        if force(Some(level)).is_ok() {
            check();
        }
    }
    force(None).unwrap();
}

/// Rows and reasons of one line, read alone and behind two lines that make its shape known.
fn outcomes(line: &[u8], shape: &[u8]) -> Vec<Result<Vec<u8>, RejectReason>> {
    let mut batch = Batch::default();
    let alone = read_line(line, Format::Text, &mut batch).map_err(|error| error.reason);
    let mut outcomes = vec![alone.map(|()| batch.turns(0).next().unwrap().1.to_vec())];
    if !line.contains(&b'\n') {
        let options = ReadOptions { format: Format::Text, max_line_bytes: usize::MAX };
        let (mut batch, mut rejected) = (Batch::default(), Vec::new());
        let lines = [shape, line, shape, shape].join(&b'\n');
        assert_eq!(read_lines(&lines, 1, 0, &options, &mut batch, &mut rejected), 4);
        assert_eq!(batch.len() + rejected.len(), 4);
        outcomes.push(match rejected.first() {
            Some(rejected) => Err(rejected.reason),
            None => Ok(batch.turns(1).next().unwrap().1.to_vec()),
        });
    }
    outcomes
}

/// The text as the value of a key that nobody reads.
fn as_extra(text: &[u8]) -> Vec<u8> {
    [b"{\"text\": \"x\", \"extra\": ", text, b", \"id\": 1}"].concat()
}

#[test]
fn the_table_is_large() {
    assert!(VALID.len() + INVALID.len() + LONE.len() + NOT_UTF8.len() >= 300);
    for (index, text) in VALID.iter().chain(INVALID).enumerate() {
        assert!(!VALID.iter().chain(INVALID).skip(index + 1).any(|other| other == text), "{text:?} is there twice");
    }
}

#[test]
fn what_json_allows_is_accepted() {
    at_every_level(|| {
        for text in VALID {
            let mut tape = Tape::new();
            assert_eq!(scan(text.as_bytes(), &mut tape), Ok(()), "{text:?}");
            assert_eq!(tape.tokens()[0].raw(), trimmed(text), "{text:?}");
            for outcome in outcomes(&as_extra(text.as_bytes()), &as_extra(b"\"other\"")) {
                assert_eq!(outcome, Ok(b"x".to_vec()), "{text:?}");
            }
            for outcome in outcomes(text.as_bytes(), &as_extra(b"1")) {
                let reason = outcome.unwrap_err();
                let expected =
                    if text.trim().starts_with('{') { RejectReason::MissingField } else { RejectReason::NotAnObject };
                assert_eq!(reason, expected, "{text:?}");
            }
        }
    });
}

fn trimmed(text: &str) -> std::ops::Range<usize> {
    let start = text.len() - text.trim_ascii_start().len();
    start..start + text.trim_ascii().len()
}

#[test]
fn what_json_forbids_is_refused() {
    at_every_level(|| {
        for text in INVALID {
            let error = scan(text.as_bytes(), &mut Tape::new()).unwrap_err();
            assert_eq!(error.kind, ScanErrorKind::Syntax, "{text:?}");
            assert!(error.byte <= text.len() && text.is_char_boundary(error.byte), "{text:?}: {error}");
            for shape in ["\"other\"", "1", "null"] {
                for outcome in outcomes(&as_extra(text.as_bytes()), &as_extra(shape.as_bytes())) {
                    assert_eq!(outcome, Err(RejectReason::NotJson), "{text:?}");
                }
            }
            if !text.trim_ascii().is_empty() {
                for outcome in outcomes(text.as_bytes(), &as_extra(b"1")) {
                    assert_eq!(outcome, Err(RejectReason::NotJson), "{text:?}");
                }
            }
        }
    });
}

#[test]
fn half_a_surrogate_pair_is_its_own_error() {
    at_every_level(|| {
        for (text, byte) in LONE {
            let error = scan(text.as_bytes(), &mut Tape::new()).unwrap_err();
            assert_eq!((error.kind, error.byte), (ScanErrorKind::LoneSurrogate, *byte), "{text:?}");
            for outcome in outcomes(&as_extra(text.as_bytes()), &as_extra(b"\"other\"")) {
                assert_eq!(outcome, Err(RejectReason::LoneSurrogate), "{text:?}");
            }
            // What is no JSON at all is called so, wherever the surrogate stands.
            let error = scan(format!("[{text}").as_bytes(), &mut Tape::new()).unwrap_err();
            assert_eq!(error.kind, ScanErrorKind::Syntax, "{text:?}");
        }
    });
}

#[test]
fn what_is_no_utf8_is_refused() {
    at_every_level(|| {
        for bytes in NOT_UTF8 {
            let text = [b"\"", *bytes, b"\""].concat();
            for outcome in outcomes(&as_extra(&text), &as_extra(b"\"other\"")) {
                assert_eq!(outcome, Err(RejectReason::InvalidUtf8), "{bytes:?}");
            }
        }
    });
}

#[test]
fn errors_name_the_byte_and_what_stood_there() {
    for (text, message) in [
        ("", "byte 0: found the end, expected a value"),
        ("[1,]", "byte 3: found `]`, expected a value"),
        ("[1}", "byte 2: found `}`, expected `,` or `]`"),
        ("{\"a\":1", "byte 6: found the end, expected `,` or `}`"),
        ("{a:1}", "byte 1: found `a`, expected a key in double quotes or `}`"),
        ("{\"a\":1,}", "byte 7: found `}`, expected a key in double quotes"),
        ("{\"a\" 1}", "byte 5: found `1`, expected `:` after a key"),
        ("01", "byte 1: found `1`, expected no digit after a leading zero"),
        ("1.", "byte 2: found the end, expected a digit after the decimal point"),
        ("1e+x", "byte 3: found `x`, expected a digit of the exponent"),
        ("-a", "byte 1: found `a`, expected a digit"),
        ("1 汉", "byte 2: found `汉`, expected nothing after the value"),
        ("trux", "byte 0: found `t`, expected `true`, `false`, `null` or another value"),
        ("\"a", "byte 2: found the end, expected the closing quote of a string"),
        ("\"a\tb\"", "byte 2: found U+0009, expected control characters in strings to be escaped"),
        ("\"\\x\"", "byte 2: found `x`, expected one of `\"\\/bfnrtu` after a backslash"),
        ("\"\\u12é4\"", "byte 5: found `é`, expected four hexadecimal digits after `\\u`"),
        ("\"\\udead\"", "byte 1: found `\\`, expected both halves of a surrogate pair"),
    ] {
        let mut tape = Tape::new();
        assert_eq!(scan(text.as_bytes(), &mut tape).unwrap_err().to_string(), message);
        assert!(tape.tokens().is_empty());
    }
}

#[test]
fn no_depth_is_too_deep() {
    at_every_level(|| {
        for (open, close) in [("[", "]"), ("{\"\":", "}"), ("[{\"a\":", "}]")] {
            let deep = [open.repeat(100_000).as_str(), "0", close.repeat(100_000).as_str()].concat();
            let mut tape = Tape::new();
            assert_eq!(scan(deep.as_bytes(), &mut tape), Ok(()));
            assert_eq!(scan(&deep.as_bytes()[..deep.len() - 1], &mut tape).unwrap_err().byte, deep.len() - 1);
            assert!(scan(open.repeat(100_000).as_bytes(), &mut tape).is_err());
            assert!(scan(close.repeat(100_000).as_bytes(), &mut tape).is_err());
        }
    });
}

#[test]
fn what_follows_a_line_has_no_influence() {
    let mut tape = Tape::new();
    for (bytes, range, valid) in [
        (&b"\"a\" \"b\""[..], 0..3, true),
        (b"\"a\" \"b\"", 4..7, true),
        (b"\"ab\"", 0..3, false),
        (b"truex", 0..4, true),
        (b"12.5", 0..2, true),
        (b"12.5", 0..3, false),
        (b"\"\\u0041\"", 0..6, false),
        (b"{}", 0..9, false),
    ] {
        assert_eq!(scan_within(bytes, range.clone(), &mut tape).is_ok(), valid, "{bytes:?} {range:?}");
    }
}
