//! The same judgement and the same values as `serde_json`.

use belle_core::dispatch::{Level, force};
use belle_core::json::{Kind, Tape, scan, unescape_into, write_string};
use proptest::prelude::*;
use serde_json::Value;

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

/// JSON with every n-th character escaped, if it is not ASCII.
fn escaped(text: &str, nth: usize) -> String {
    let mut units = [0; 2];
    let escape = |(index, character): (usize, char)| {
        if index % nth == 0 && !character.is_ascii() {
            let units = character.encode_utf16(&mut units).iter();
            units.fold(String::new(), |escaped, unit| format!("{escaped}\\u{unit:04x}"))
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
