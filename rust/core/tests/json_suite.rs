//! What JSON allows is accepted and what it forbids is refused, as a whole line and as a value in a row.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use belle_core::batch::Batch;
use belle_core::dispatch::{Level, force};
use belle_core::json::{Kind, ScanErrorKind, Tape, scan, scan_within, unescape_into, write_string};
use belle_core::read::{Format, ReadOptions, RejectReason, read_line, read_lines};
use proptest::prelude::*;
use serde_json::Value;

/// Texts that are JSON.
const VALID: &[&str] = &[
    // Words and structure.
    "null",
    "true",
    "false",
    " null ",
    "\tnull\t",
    "\r\nnull\n\r ",
    "[]",
    "[ ]",
    "[\n]",
    "{}",
    "{ }",
    "{\t}",
    "[[]]",
    "[{}]",
    "[[],[]]",
    "[null]",
    "[true,false]",
    "[ 1 , 2 ]",
    "[1,2,[3,[4]],{}]",
    "[\"\"]",
    "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
    "[1\n,2\r,3\t]",
    "[null, 1, \"1\", {}]",
    // Objects.
    "{\"a\":1}",
    "{\"a\" : 1}",
    "{ \"a\":1 }",
    "{\"\":0}",
    "{\"a\":{}}",
    "{\"a\":[]}",
    "{\"a\":1,\"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"a\":1}",
    "{\"\\u0061\":1,\"a\":2}",
    "{\"a\\u0000b\":1}",
    "{\"汉字\":\"键\"}",
    "{\"a\":{\"b\":{\"c\":{\"d\":null}}}}",
    "{\"\\\"\":\"\\\"\"}",
    "{\"x\":\"very long key and value, over sixty-four bytes so that a block ends inside of it ...............\"}",
    "{\"min\":-1.0e+28,\"max\":1.0e+28}",
    "{\n\"a\":\r\n[]\n}",
    // Numbers.
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "123456789",
    "0.0",
    "-0.0",
    "0.5",
    "1.5",
    "-1.25",
    "1e1",
    "1E1",
    "1e+1",
    "1e-1",
    "1E+01",
    "0e0",
    "0e+1",
    "0E-0",
    "1.0e10",
    "1.5E+3",
    "1e00",
    "123.456e78",
    "1e400",
    "-1e400",
    "1e-400",
    "0.4e006699999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
    "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "-123123123123123123123123123123",
    "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "18446744073709551616",
    "9007199254740993",
    "[-0]",
    "[1e5]",
    // Strings.
    "\"\"",
    "\" \"",
    "\"a\"",
    "\"/\"",
    "\"\\/\"",
    "\"'\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\\\\\\\\"",
    "\"\\\\\\\"\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u001f\"",
    "\"\\u0020\"",
    "\"\\u0022\"",
    "\"\\u005C\"",
    "\"\\u00e9\"",
    "\"\\u00E9\"",
    "\"\\u4e2d\\u6587\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud800\\udc00\"",
    "\"\\udbff\\udfff\"",
    "\"\\ud7ff\\ue000\"",
    "\"\\uffff\"",
    "\"\\ufdd0\\ufffe\"",
    "\"\\u2028\\u2029\"",
    "\"\\\\u0000\"",
    "\"\\\\ud800\"",
    "\"\u{7f}\"",
    "\"\u{80}\u{9f}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{feff}\"",
    "\"\u{ffff}\"",
    "\"\u{10ffff}\"",
    "\"\u{200b}\"",
    "\"é\"",
    "\"中文，标点。\"",
    "\"😀\"",
    "\"[{]},:\"",
    "\"// no comment /* */\"",
    "\"null\"",
    "\"\\u0061\\u30af\\u30EA\\u30b9\"",
    "\"new\\u00A0line\"",
    "\"\\u0012\"",
    "\"a\\nb\\nc\\nd\\ne\\nf\\ng\\nh\\ni\\nj\\nk\\nl\\nm\\nn\\no\\np\\nq\\nr\\ns\\nt\\nu\\nv\\nw\\nx\\ny\\nz\"",
    "\"0123456789012345678901234567890123456789012345678901234567890\\n1\"",
    "\"01234567890123456789012345678901234567890123456789012345678901\\n\"",
    "\"012345678901234567890123456789012345678901234567890123456789012\\n\"",
    "\"0123456789012345678901234567890123456789012345678901234567890123\\\\\"",
    "\"01234567890123456789012345678901234567890123456789012345\\ud83d\\ude00\"",
];

/// Texts that are not JSON.
const INVALID: &[&str] = &[
    // Nothing, or too much.
    "",
    " ",
    "1 2",
    "1,",
    "null null",
    "{} {}",
    "[] []",
    "[]]",
    "{}}",
    "[][]",
    "\"a\" \"b\"",
    "\"a\"b",
    "[1]x",
    "{\"a\":1}#",
    "1 // comment",
    "/* comment */ 1",
    "1 /* comment */",
    "# 1",
    "\u{feff}1",
    "1\u{feff}",
    "[\u{feff}]",
    "[1\u{a0}]",
    "[\u{a0}1]",
    "\u{2028}1",
    "\u{3000}1",
    "[\u{c}]",
    "[\u{b}]",
    "[\u{0}]",
    "1\u{0}",
    "\u{0}",
    "\u{1f}1",
    // Words.
    "nul",
    "nulL",
    "Null",
    "NULL",
    "nullx",
    "tru",
    "True",
    "TRUE",
    "truetrue",
    "fals",
    "False",
    "falsee",
    "undefined",
    "None",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "+Infinity",
    "Inf",
    "nan",
    "a",
    "*",
    "<null>",
    "[nul]",
    "[tru,e]",
    // Lists.
    "[",
    "]",
    "[1",
    "[1,",
    "[,",
    "[,1]",
    "[1,]",
    "[1,,2]",
    "[,]",
    "[1 2]",
    "[1;2]",
    "[1:2]",
    "[\"a\" \"b\"]",
    "[\"a\",",
    "[1}",
    "[{]",
    "[{}",
    "[[]",
    "[\"\": 1]",
    "[*]",
    "[a]",
    "[\"a\",\n4\n,1,",
    "[[[[[[",
    "[x",
    "(1)",
    // Objects.
    "{",
    "}",
    "{]",
    "{\"a\"",
    "{\"a\"}",
    "{\"a\":",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{\"a\":1,,\"b\":2}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\" 1}",
    "{\"a\",1}",
    "{\"a\"=1}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1;\"b\":2}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{true:1}",
    "{[]:1}",
    "{{}:1}",
    "{\"a\":1]",
    "{\"a\":[1}",
    "{\"a\":{\"b\":1}",
    "{\"a\":\"b",
    "{\"a\":\"b\"/**/}",
    "{\"a\":\"b\"//\n}",
    "{\"a\" b:1}",
    "{\"a\":a}",
    "{\"a\\u00\":1}",
    "{\"a\tb\":1}",
    "{\"a\":'b'}",
    "{:1}",
    "{\"a\":1,\"b\"}",
    "{\"a\":1,2}",
    // Numbers.
    "-",
    "+",
    "+1",
    "++1",
    "--1",
    "- 1",
    "-a",
    "01",
    "-01",
    "00",
    "-00",
    "012",
    "0123.4",
    "1.",
    "-1.",
    "0.",
    ".5",
    "-.5",
    "+.5",
    ".",
    "1..2",
    "1.2.3",
    "1.e1",
    "0.e1",
    ".e1",
    "1e",
    "1E",
    "1e+",
    "1e-",
    "1.5e",
    "1.5e+",
    "1e1.5",
    "1ee1",
    "1e++1",
    "1e+-1",
    "e1",
    "1 e1",
    "1e 1",
    "1 000",
    "1,000.0",
    "1_000",
    "0x1",
    "0x",
    "0b1",
    "0o7",
    "1a",
    "1f",
    "1L",
    "1n",
    "1+2",
    "1-2",
    "1/2",
    "-1x",
    "0.3e.",
    "９",
    "１２",
    "١",
    "½",
    "-－1",
    "1\u{0}2",
    // Strings.
    "\"",
    "\"a",
    "a\"",
    "'a'",
    "'",
    "`a`",
    "\"\\\"",
    "\"\\",
    "\"\\\\\\\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\v\"",
    "\"\\e\"",
    "\"\\0\"",
    "\"\\1\"",
    "\"\\'\"",
    "\"\\ \"",
    "\"\\N\"",
    "\"\\U0041\"",
    "\"\\U00000041\"",
    "\"\\u\"",
    "\"\\u0\"",
    "\"\\u00\"",
    "\"\\u004\"",
    "\"\\u004",
    "\"\\u004g\"",
    "\"\\u 041\"",
    "\"\\u+041\"",
    "\"\\u-041\"",
    "\"\\u{41}\"",
    "\"\\u００４１\"",
    "\"\\ud83d\\u\"",
    "\"\\ud83d\\ude0\"",
    "\"\\ud83d\\x\"",
    "\"\\ud83d\\\"",
    "\"\\u12\\n34\"",
    "\"\t\"",
    "\"a\nb\"",
    "\"a\rb\"",
    "\"\u{0}\"",
    "\"\u{1}\"",
    "\"\u{8}\"",
    "\"\u{1f}\"",
    "\"\\\u{0}\"",
    "\"\\\n\"",
    "\"\\\t\"",
    "\"\\é\"",
    "\"\\汉\"",
    "\"\\😀\"",
    "“a”",
    "＂a＂",
    "[\"a\\\"]",
    "\"01234567890123456789012345678901234567890123456789012345678901\n\"",
    "\"012345678901234567890123456789012345678901234567890123456789012\n\"",
    "\"012345678901234567890123456789012345678901234567890123456789012\\x\"",
];

/// Texts that are JSON but hold half of a surrogate pair, at the byte.
const LONE: &[(&str, usize)] = &[
    ("\"\\ud800\"", 1),
    ("\"\\uDBFF\"", 1),
    ("\"\\udc00\"", 1),
    ("\"\\uDFFF\"", 1),
    ("\"a\\ud83d\"", 2),
    ("\"\\ud83dx\"", 1),
    ("\"\\ud83d\\n\"", 1),
    ("\"\\ud83d\\u0041\"", 1),
    ("\"\\ud83d\\ud83d\"", 1),
    ("\"\\ud83d\\ud83d\\ude00\"", 1),
    ("\"\\ude00\\ud83d\"", 1),
    ("\"\\ud83d\\ude00\\ude00\"", 13),
    ("\"\\ud83d ude00\"", 1),
    ("\"\\ud800\\\\udc00\"", 1),
    ("{\"\\ud800\":1}", 2),
    ("[1,\"\\udead\"]", 4),
];

/// Bytes that are no UTF-8, inside a string.
const NOT_UTF8: &[&[u8]] = &[
    b"\xff",
    b"\xfe",
    b"\x80",
    b"\xbf",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xc3",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xe4\xb8",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xe9a",
    b"a\xe5b",
];

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

/// The value on the tape, built the slow way.
fn value_of(line: &[u8], tape: &Tape, index: usize) -> Value {
    let token = tape.at(index);
    let raw = &line[token.inner()];
    match token.kind {
        Kind::Object => {
            let member = |(key, value)| match value_of(line, tape, key) {
                Value::String(key) => (key, value_of(line, tape, value)),
                other => panic!("a key is {other}"),
            };
            Value::Object(tape.members(index).map(member).collect())
        }
        Kind::Array => Value::Array(tape.items(index).map(|item| value_of(line, tape, item)).collect()),
        Kind::Plain => Value::String(String::from_utf8(raw.to_vec()).unwrap()),
        Kind::Escaped => {
            let mut text = Vec::new();
            unescape_into(raw, &mut text);
            Value::String(String::from_utf8(text).unwrap())
        }
        Kind::Number | Kind::Boolean | Kind::Null => serde_json::from_slice(raw).unwrap(),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[\\\\\"/\n\t\u{0}\u{1f}\u{7f}a汉😀]{0,100}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-c\"\\\\]{0,2}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// JSON with any characters escaped that may be.
fn escaped(text: &str, every: usize) -> String {
    let mut units = [0; 2];
    let escape = |(index, character): (usize, char)| {
        if index % every == 0 && !"\"\\{}[]:,-+.0123456789 truefalsn".contains(character) && !character.is_ascii() {
            character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        } else {
            character.to_string()
        }
    };
    text.chars().enumerate().map(escape).collect()
}

/// Whether both say the same about the text, and read the same from it.
fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let mut tape = Tape::new();
    let ours = if std::str::from_utf8(text).is_ok() { scan(text, &mut tape).is_ok() } else { false };
    match serde_json::from_slice::<Value>(text) {
        Ok(theirs) => {
            prop_assert!(ours, "refused: {}", String::from_utf8_lossy(text));
            prop_assert_eq!(value_of(text, &tape, 0), theirs);
        }
        // Numbers that no double holds are JSON all the same.
        Err(error) if error.to_string().starts_with("number out of range") => {}
        Err(error) => prop_assert!(!ours, "accepted: {}: {error}", String::from_utf8_lossy(text)),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn documents_are_read_as_serde_reads_them(value in value(), pretty: bool, every in 1_usize..4) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        agree(text.as_bytes())?;
        agree(escaped(&text, every).as_bytes())?;
    }

    #[test]
    fn mutated_documents_are_judged_as_serde_judges_them(
        value in value(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..4, prop::sample::select(&b"{}[]\":,\\u\n\t 0d81e+-.tfn\x00\x1f\x7f\x80\xe6\xff/"[..])), 1..4,
        ),
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        for (at, change, byte) in changes {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match change {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        agree(&text)?;
    }

    #[test]
    fn random_bytes_are_judged_as_serde_judges_them(
        text in prop::collection::vec(prop::sample::select(&b"{}[]\"\":,\\un\n\t 0d81e+-.\xe6\xb1\x89"[..]), 0..24),
    ) {
        agree(&text)?;
        agree(&[b"[\"", &text[..], b"\"]"].concat())?;
    }

    #[test]
    fn written_strings_are_read_again(text in "[\\\\\"/\n\t\u{0}-\u{1f}\u{7f}a汉😀]{0,200}") {
        let mut line = Vec::new();
        write_string(text.as_bytes(), &mut line);
        prop_assert_eq!(serde_json::from_slice::<String>(&line).ok(), Some(text.clone()));
        let mut tape = Tape::new();
        scan(&line, &mut tape).unwrap();
        prop_assert_eq!(value_of(&line, &tape, 0), Value::from(text.clone()));
        prop_assert!(line.len() <= text.len() * 6 + 2 && !String::from_utf8(line).unwrap().contains("\\u6c49"));
    }

    #[test]
    fn every_level_gives_the_same_tape(value in value(), cut in any::<prop::sample::Index>()) {
        let text = serde_json::to_vec(&value).unwrap();
        let text = &text[..cut.index(text.len() + 1)];
        let mut seen = Vec::new();
        for level in Level::ALL {
            if force(Some(level)).is_ok() {
                let mut tape = Tape::new();
                let result = scan(text, &mut tape);
                let mut unescaped = Vec::new();
                unescape_into(text, &mut unescaped);
                seen.push((result, tape.tokens().to_vec(), unescaped));
            }
        }
        force(None).unwrap();
        prop_assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
