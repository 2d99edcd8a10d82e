//! A corpus gives normalised turns, first and again, and its lines hold them where they are asked to.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use belle_core::batch::{Batch, Role, RowScratch, Rows, Turns};
use belle_core::corpus::{Apply, Corpus};
use belle_core::normalise::{Form, Normalise, Settings, normalise_turns};
use belle_core::read::{Format, read_line};
use proptest::prelude::*;

type Conversation = Vec<(i8, String)>;

fn conversations(turns: Turns<'_>) -> Vec<Conversation> {
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    (0..turns.rows()).map(|row| turns.of(row).map(|(role, said)| (role, text(said))).collect()).collect()
}

struct Read {
    corpus: Corpus,
    turns: Vec<Conversation>,
    changes: Vec<u8>,
    hashes: Vec<u64>,
}

fn read(lines: &[String], format: Format, mut corpus: Corpus, chunk: usize) -> Read {
    let text = lines.join("\n");
    let length = text.len() as u64;
    let source = corpus.add_source(Box::new(text.into_bytes()), format, None);
    let (mut turns, mut changes, mut hashes, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while at < length {
        let chunk = corpus.read_chunk(source, at, chunk, 1 << 20, usize::MAX).unwrap();
        assert!(chunk.rejected.is_empty(), "{:?}", chunk.rejected);
        at = chunk.end;
        turns.extend(conversations(chunk.batch.view()));
        changes.extend_from_slice(&chunk.changes);
        hashes.extend_from_slice(&chunk.content_hashes);
    }
    Read { corpus, turns, changes, hashes }
}

fn written(corpus: &Corpus) -> Vec<String> {
    let mut buffer = vec![0; 1 << 20];
    let (end, count, size) = corpus.fill(0..corpus.len() as u32, |_| true, &mut buffer);
    assert_eq!((end as usize, count), (corpus.len(), corpus.len()));
    String::from_utf8(buffer[..size].to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// Everything that must hold of a corpus of these lines.
fn check(lines: &[String], format: Format, settings: Settings, chunk: usize) {
    let normalise = Normalise::new(settings);
    let plain = read(lines, format, Corpus::new(), chunk);
    let compared = read(lines, format, Corpus::normalised(normalise.clone(), Apply::Comparison), chunk);
    let text = read(lines, format, Corpus::normalised(normalise.clone(), Apply::Text), chunk);
    assert!(plain.changes.iter().all(|&change| change == 0));
    assert_eq!((&compared.turns, &compared.changes, &compared.hashes), (&text.turns, &text.changes, &text.hashes));
    assert_eq!(written(&compared.corpus), lines, "a comparison changes no line");
    let mut scratch = RowScratch::default();
    for row in (0..lines.len() as u32).rev() {
        let (turns, at) = text.corpus.read(row, &mut scratch);
        assert_eq!(conversations(turns)[at], text.turns[row as usize], "read again");
    }
    for (row, line) in written(&text.corpus).iter().enumerate() {
        let changed = text.changes[row] != 0;
        assert_eq!(changed, text.turns[row] != plain.turns[row], "{}", lines[row]);
        assert!(changed || *line == lines[row], "a row that needs nothing stays byte for byte");
        let mut again = Batch::default();
        read_line(line.as_bytes(), format, &mut again).unwrap();
        assert_eq!(conversations(again.view())[0], text.turns[row], "{} -> {line}", lines[row]);
        let (_, more) = normalise_turns(&normalise, again.view());
        assert_eq!(more, [0], "twice is once: {line}");
        let before: serde_json::Value = serde_json::from_str(&lines[row]).unwrap();
        let after: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&before["id"], &before["extra"]), (&after["id"], &after["extra"]));
    }
    // Normalising the turns themselves gives the same, but where markers and empty texts decide what a turn is.
    let calls = |turns: &Conversation| turns.iter().any(|(role, _)| *role == Role::FunctionCall as i8);
    for (row, turns) in text.turns.iter().enumerate() {
        let mut batch = Batch::default();
        read_line(lines[row].as_bytes(), format, &mut batch).unwrap();
        let (expected, changes) = normalise_turns(&normalise, batch.view());
        let expected = conversations(expected.view()).remove(0);
        // A step may make a marker, or escapes hide one.
        let marker = lines[row].contains("Human") || turns.iter().chain(&expected).any(|turn| turn.1.contains("Human"));
        let marker = marker || lines[row].contains("Ｈｕｍａｎ") || lines[row].contains("\\uff28");
        if !marker && expected.iter().all(|(_, text)| !text.is_empty()) && !calls(turns) {
            assert_eq!((turns, text.changes[row]), (&expected, changes[0]), "{}", lines[row]);
        }
    }
    for to in [Format::Messages, Format::Sharegpt] {
        let mut out = Vec::new();
        if format != Format::Text && text.corpus.convert(0..lines.len() as u32, to, &mut out).is_ok() {
            for (line, turns) in out.split(|&byte| byte == b'\n').zip(&text.turns) {
                let mut again = Batch::default();
                read_line(line, to, &mut again).unwrap();
                // Plain text becomes an answer.
                let plain = turns[0].0 == Role::Text as i8;
                assert!(plain || conversations(again.view())[0] == *turns, "converted: {turns:?}");
            }
        }
    }
}

fn said() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[好的，。a-c]{0,6}",
        2 => "[ \t\n\r\u{3000}]{0,3}",
        1 => "[e\u{301}o\u{338}=<①Ａ：:＂\\\\\"/]{0,4}",
        1 => "[\u{0}\u{200b}\u{feff}\u{c}\u{1f}]{0,2}",
        1 => "[乾隆年間頭髮]{0,4}",
        1 => Just("\nHuman: ".to_owned()),
        1 => Just("\nAssistant：".to_owned()),
        1 => Just("Ｈｕｍａｎ:".to_owned()),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// A JSON string, with every character escaped or only those that must be.
fn quoted() -> impl Strategy<Value = String> {
    (said(), any::<bool>()).prop_map(|(text, ascii)| {
        let quoted = serde_json::to_string(&text).unwrap();
        let escape = |character: char| {
            let mut units = [0; 2];
            let units: Vec<_> =
                character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            if character.is_ascii() { character.to_string() } else { units.concat() }
        };
        if ascii { quoted.chars().map(escape).collect() } else { quoted }
    })
}

fn line(format: Format) -> BoxedStrategy<String> {
    let extra = || "[ \t]{0,2}".prop_map(|blank| format!("\"extra\": \"e\u{301} \",{blank} \"id\" : 7"));
    let dialogue = (quoted(), any::<bool>()).prop_map(
        |(text, human)| {
            if human { format!("\"Human: {}", &text[1..]) } else { text }
        },
    );
    let alpaca = (dialogue, quoted(), quoted(), quoted(), quoted(), extra(), 0..4).prop_map(
        |(instruction, input, output, before, system, extra, shape)| match shape {
            0 => format!("{{\"instruction\": {instruction}, \"input\": {input}, \"output\": {output}, {extra}}}"),
            1 => format!("{{{extra}, \"output\": {output}, \"instruction\": {instruction}}}"),
            2 => format!("{{{extra}, \"instruction\":{instruction},\"input\":{input},\"output\":{output},\"history\":[[{before}, {system}]]}}"),
            _ => format!("{{\"system\": {system}, \"instruction\": {before}, \"input\": null, \"output\": {output}, {extra}}}"),
        },
    );
    let target = (quoted(), quoted(), extra())
        .prop_map(|(input, target, extra)| format!("{{\"input\": {input}, \"target\": {target}, {extra}}}"));
    let sharegpt = (quoted(), quoted(), quoted(), quoted(), extra()).prop_map(|(system, asked, call, answer, extra)| {
        format!("{{\"system\": {system}, \"conversations\": [{{\"from\": \"human\", \"value\": {asked}, \"n\": {answer}}}, {{\"from\": \"function_call\", \"value\": {call}}}, {{\"human\": {asked}, \"assistant\": {answer}}}], {extra}}}")
    });
    let parts = proptest::collection::vec((quoted(), 0..3), 0..4).prop_map(|parts| {
        let part = |(text, kind): (String, i32)| match kind {
            0 => text,
            1 => format!("{{\"type\": \"text\", \"text\": {text}}}"),
            _ => "{\"type\": \"image_url\", \"image_url\": {\"url\": \"x \"}}".to_owned(),
        };
        format!("[{}]", parts.into_iter().map(part).collect::<Vec<_>>().join(", "))
    });
    let messages = (quoted(), parts, quoted(), extra()).prop_map(|(system, parts, answer, extra)| {
        format!("{{{extra}, \"messages\": [{{\"role\": \"system\", \"content\": {system}}}, {{\"role\": \"user\", \"content\": {parts}}}, {{\"role\": \"assistant\", \"content\": {answer}, \"tool_calls\": [{{\"a\":\t{answer}}}]}}]}}")
    });
    let text = (quoted(), extra()).prop_map(|(text, extra)| format!("{{\"text\": {text}, {extra}}}"));
    match format {
        Format::Alpaca => alpaca.boxed(),
        Format::Belle => prop_oneof![alpaca, target].boxed(),
        Format::Sharegpt => sharegpt.boxed(),
        Format::Messages => messages.boxed(),
        Format::Text => text.boxed(),
        Format::Mixed => prop_oneof![alpaca, target, sharegpt, messages, text].boxed(),
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let form = prop_oneof![Just(Form::None), Just(Form::Nfc), Just(Form::Nfkc)];
    (form, any::<[bool; 4]>(), any::<bool>()).prop_map(|(form, flags, default)| {
        let [control_characters, width, simplified, trailing_blanks] = flags;
        let any = Settings { form, control_characters, width, simplified, trailing_blanks };
        if default { Settings::default() } else { any }
    })
}

fn corpora() -> impl Strategy<Value = (Format, Vec<String>)> {
    proptest::sample::select(&Format::ALL[..])
        .prop_flat_map(|format| (Just(format), proptest::collection::vec(line(format), 1..6)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn lines_hold_the_turns_that_were_read((format, lines) in corpora(), settings in settings(), chunk in 1usize..2000) {
        check(&lines, format, settings, chunk);
    }
}

#[test]
fn only_the_texts_change() {
    let cases = [
        (
            Format::Alpaca,
            r#"{"id":1, "instruction":"问：\r\n","input" : "a\u3000" ,"output":"b \nc", "x":"y "}"#,
            r#"{"id":1, "instruction":"问：\n","input" : "a" ,"output":"b\nc", "x":"y "}"#,
        ),
        (Format::Text, r#"{"text": "\u00e9e\u0301 \"\\\/"}"#, r#"{"text": "éé \"\\/"}"#),
        (Format::Text, r#"{"text": "\u00e9 \"\\\/"}"#, r#"{"text": "\u00e9 \"\\\/"}"#),
        (
            Format::Belle,
            r#"{"input": "Human: 一 \n\nAssistant: 二\u200b\n\nHuman: 三\nAssistant:", "target": "四"}"#,
            r#"{"input": "Human: 一\n\nAssistant: 二\n\nHuman: 三\nAssistant:", "target": "四"}"#,
        ),
        (
            Format::Messages,
            r#"{"messages": [{"role": "user", "content": ["看 ", {"type": "image"}, {"type": "text", "text": "图 "}]}]}"#,
            r#"{"messages": [{"role": "user", "content": ["看 ", {"type": "image"}, {"type": "text", "text": "图"}]}]}"#,
        ),
        (
            Format::Messages,
            r#"{"messages": [{"role": "user", "content": ["e", "\u0301x"]}]}"#,
            r#"{"messages": [{"role": "user", "content": ["éx", ""]}]}"#,
        ),
        (
            Format::Sharegpt,
            r#"{"conversations": [{"from": "function_call", "value": "{} "}, {"from": "gpt", "value": "好 "}]}"#,
            r#"{"conversations": [{"from": "function_call", "value": "{} "}, {"from": "gpt", "value": "好"}]}"#,
        ),
    ];
    for (format, line, expected) in cases {
        let corpus = Corpus::normalised(Normalise::new(Settings::default()), Apply::Text);
        let read = read(&[line.to_owned()], format, corpus, 1 << 20);
        assert_eq!(written(&read.corpus), [expected]);
    }
}
