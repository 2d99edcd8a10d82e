//! Arrays to lines.

use proptest::prelude::*;

use crate::read::{ArraySplitter, SplitError};

type Split = (String, Vec<(u64, u64)>, Result<(), SplitError>);

fn split(bytes: &[u8], piece: usize) -> Split {
    let (mut out, mut map, mut splitter) = (Vec::new(), Vec::new(), ArraySplitter::new());
    let fed = bytes.chunks(piece).try_for_each(|piece| splitter.feed(piece, &mut out, &mut map));
    let result = fed.and_then(|()| splitter.finish());
    assert_eq!(splitter.finish(), result);
    (String::from_utf8_lossy(&out).into_owned(), map, result)
}

/// The same for every size of the pieces.
fn split_any(bytes: &[u8]) -> Split {
    let whole = split(bytes, usize::MAX);
    for piece in [1, 2, 3, 7, 64] {
        let pieces = split(bytes, piece);
        assert_eq!((&pieces.0, &pieces.1), (&whole.0, &whole.1));
        assert_eq!(pieces.2.map_err(|error| error.byte), whole.2.map_err(|error| error.byte));
    }
    whole
}

#[test]
fn elements_become_lines() {
    let text = "\u{feff} \n[\n  {\"a\": [1,\n 2],\r\n\t\"b\": \"]},\\\"\\\\\"},\n\n {}, [] ,[[{}]], 1.5,\ntrue\n, \"x\\n\" ]\n \n";
    let (lines, map, result) = split_any(text.as_bytes());
    assert_eq!(result, Ok(()));
    let expected = ["{\"a\": [1, 2],\t\"b\": \"]},\\\"\\\\\"}", "{}", "[]", "[[{}]]", "1.5", "true", "\"x\\n\""];
    assert_eq!(lines, expected.map(|line| format!("{line}\n")).concat());
    assert_eq!(map.iter().map(|place| place.1).collect::<Vec<_>>(), [3, 7, 7, 7, 7, 8, 9]);
    for (place, line) in map.iter().zip(expected) {
        assert!(text[usize::try_from(place.0).unwrap()..].starts_with(&line[..1]));
    }
}

#[test]
fn empty_arrays() {
    for text in ["[]", " [ ] ", "\n[\n]\n", "\u{feff}[]"] {
        assert_eq!(split_any(text.as_bytes()), (String::new(), Vec::new(), Ok(())), "{text:?}");
    }
}

#[test]
fn what_is_no_array_is_an_error_with_its_place() {
    for (text, byte, line, expected) in [
        ("", 0, 1, "a JSON array"),
        (" \n ", 3, 2, "a JSON array"),
        ("{\"a\": 1}", 0, 1, "`[`, the beginning of a JSON array"),
        ("\u{feff}\u{feff}[]", 3, 1, "`[`, the beginning of a JSON array"),
        ("[", 1, 1, "the rest of the array"),
        ("[1", 2, 1, "the rest of the array"),
        ("[1,\n", 4, 2, "the rest of the array"),
        ("[1,]", 3, 1, "a value"),
        ("[,1]", 1, 1, "a value"),
        ("[1 2]", 3, 1, "`,` or `]`"),
        ("[1\n\n2]", 4, 3, "`,` or `]`"),
        ("[{\"a\": 1]", 8, 1, "`,` or `}`"),
        ("[{\"a\": 1}", 9, 1, "the rest of the array"),
        ("[{\"a\" 1}]", 6, 1, "`:` after a key"),
        ("[{a: 1}]", 2, 1, "a key in double quotes"),
        ("[{\"a\": 1,}]", 9, 1, "a key in double quotes"),
        ("[[1}]", 3, 1, "`,` or `]`"),
        ("[1]]", 3, 1, "nothing after the array"),
        ("[1]\n[2]", 4, 2, "nothing after the array"),
        ("[1] x", 4, 1, "nothing after the array"),
        ("[\"a\n\"]", 3, 1, "the closing quote of a string before the line ends"),
        ("[\"a\\\n\"]", 4, 1, "the rest of an escape before the line ends"),
        ("[\"a", 3, 1, "the rest of the array"),
        ("[{\"a\": \"x}, {\"b\": 1}]", 14, 1, "`,` or `}`"),
        ("['a']", 1, 1, "a value"),
    ] {
        let error = split_any(text.as_bytes()).2.unwrap_err();
        assert_eq!((error.byte, error.line, error.expected), (byte, line, expected), "{text:?}");
    }
    assert_eq!(
        split_any(b"\xef\xbbx[]").2.unwrap_err().to_string(),
        "byte 2, line 1: found `x`, expected the rest of a byte order mark"
    );
}

#[test]
fn elements_before_an_error_are_given() {
    let (lines, map, result) = split_any(b"[{\"a\": 1}, 2, }");
    assert_eq!((lines.as_str(), map), ("{\"a\": 1}\n2\n", vec![(1, 1), (11, 1)]));
    assert!(result.is_err());
}

#[test]
fn depth_is_no_limit() {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(split(deep.as_bytes(), 4096).0.len(), 200_001);
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a\"\\\\\n,\\]\\[{}汉]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec(("[a-c\"]{0,2}", inner), 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_the_elements(values in prop::collection::vec(value(), 0..6), pretty: bool, piece in 1_usize..40) {
        let array = serde_json::Value::from(values.clone());
        let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
        let (lines, map, result) = split(text.as_bytes(), piece);
        prop_assert!(result.is_ok());
        let read: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(read, values);
        prop_assert_eq!(map.len(), lines.lines().count());
    }

    #[test]
    fn broken_arrays_never_shift(values in prop::collection::vec(value(), 1..4), at: prop::sample::Index, byte in prop::sample::select(&b"[]{},:\"\\ \n1a"[..])) {
        let mut text = serde_json::to_vec(&serde_json::Value::from(values)).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let (lines, _, result) = split(&text, 5);
        // Lines that are all JSON, from an array that was accepted, are an array that was JSON.
        let elements: Result<Vec<serde_json::Value>, _> = lines.lines().map(serde_json::from_str).collect();
        if let (Ok(()), Ok(elements)) = (result, elements) {
            let array: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&String::from_utf8_lossy(&text));
            prop_assert_eq!(array.ok(), Some(elements));
        }
    }
}
