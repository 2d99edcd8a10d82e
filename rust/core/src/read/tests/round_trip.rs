//! From any format to any other and back: the line itself.

use std::fmt::Write;

use proptest::prelude::*;

use crate::batch::Batch;
use crate::read::{Format, RowWriter, detect_format, read_line};

use Format::{Alpaca, Belle, Messages, Sharegpt, Text};

const TARGETS: [Format; 4] = [Alpaca, Belle, Sharegpt, Messages];

fn write(line: &str, from: Format, to: Format) -> String {
    let mut out = Vec::new();
    RowWriter::lossless(from, to).write_checked(line.as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn turns(line: &str, format: Format) -> Vec<(i8, Vec<u8>)> {
    let mut batch = Batch::default();
    read_line(line.as_bytes(), format, &mut batch).unwrap();
    let turn = |(role, text): (i8, &[u8])| {
        // Plain text becomes an answer.
        (if role == crate::batch::Role::Text as i8 { crate::batch::Role::Assistant as i8 } else { role }, text.to_vec())
    };
    // An answer without a question has an empty one in the formats that need it.
    batch.turns(0).map(turn).filter(|(_, text)| !text.is_empty()).collect()
}

/// To every format, from there to every other one, and back from each: what a reader of it finds is the same
/// conversation, and the line comes back.
fn round_trips(line: &str, from: Format) {
    let said = turns(line, from);
    for to in TARGETS {
        let there = write(line, from, to);
        assert!(serde_json::from_str::<serde_json::Value>(&there).is_ok(), "{there}");
        assert!(!there.contains('\n'));
        assert_eq!(turns(&there, to), said, "{there}");
        assert_eq!(write(&there, to, from), line, "through {}: {there}", to.name());
        if there != line {
            let detected = detect_format(there.as_bytes()).unwrap();
            assert_eq!(write(&there, detected, from), line, "through {}, found: {there}", to.name());
        }
        for next in TARGETS {
            let further = write(&there, to, next);
            assert_eq!(write(&further, next, to), there, "{} to {}: {further}", to.name(), next.name());
            let back = write(&further, next, from);
            // A row that holds no source is a first line itself, which `further` then goes back to.
            let through_there = || !there.contains("belle_source") && write(&back, from, to) == there;
            assert!(back == line || through_there(), "{} to {}: {further}: {back}", to.name(), next.name());
        }
    }
}

#[test]
fn lines_of_every_kind_come_back() {
    let cases = [
        (Alpaca, r#"{"instruction": "q", "input": "", "output": "a"}"#),
        (Alpaca, r#"{"instruction": "q", "input": "i", "output": "a"}"#),
        (Alpaca, r#"{"instruction":"q\n","output":null,"input":null}"#),
        (
            Alpaca,
            r#"{"id":"1","output":"a","x":{ "y" : [1, 2] },"instruction":"q","history":[["1","2"]],"system":"s"}"#,
        ),
        (Alpaca, r#"{"instruction":"Human: q","input":"","output":"a","output":"b","output":"c"}"#),
        (Alpaca, r#"{"instruction": "\u4e2d\ud83d\ude00", "input": "", "output": "\u6587\n\/"}"#),
        (
            Alpaca,
            r#"{"instruction":"q","input":"","output":"a","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"},{"from":"human","value":"r"}],"messages":3}"#,
        ),
        (Belle, r#"{"instruction":"Human: q\nAssistant: a\n\nHuman:  r\nAssistant:","input":"","output":"b"}"#),
        (Belle, r#"{"input":"Human：q\nAssistant：","target":"b","instruction":""}"#),
        (Sharegpt, r#"{"conversation":[{"human":"q","assistant":"a"},{"human":"r","assistant":"b"}],"n":1.0e3}"#),
        (Sharegpt, r#"{"conversations":[{"value":"q","from":"USER"},{"role":"ChatGPT","text":"a","weight":0}]}"#),
        (Sharegpt, r#"{"instruction":"x","output":"y","conversations":[{"from":"user","value":"q"}],"system":""}"#),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"q"},"r"]},{"role":"assistant","content":null}]}"#,
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"image","url":"u"}],"name":"n"},{"role":"assistant","content":"a"}]}"#,
        ),
        (
            Messages,
            r#"{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"x","tool_calls":[{"f": 1}]},{"role":"tool","content":"r","tool_call_id":"7"}],"system":"z","belle_source":[1]}"#,
        ),
        (
            Sharegpt,
            r#"{"conversations": [{"from": "gpt", "value": "x"}, {"from": "gpt", "value": "y"}], "id": "7", "output": 3}"#,
        ),
        (Text, r#"{"text":"t","output":1,"source_output":2,"history":"h","belle_source":null}"#),
        (Text, r#"{ "id" : null , "text" : "\u0041" }"#),
    ];
    for (from, line) in cases {
        round_trips(line, from);
    }
}

#[test]
fn calls_that_are_written_in_another_form_come_back() {
    let call = r#"{"id":"7","type":"function","function":{"name":"w","arguments":"{\"city\":\"\\u4eac\"}"}}"#;
    for line in [
        format!(
            r#"{{"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":null,"tool_calls":[{call},{call}]}},{{"role":"tool","tool_call_id":"7","content":"r"}}],"tools":[{{"type":"function"}}]}}"#
        ),
        format!(r#"{{"messages": [{{"role": "assistant", "content": "x", "function_call": {call}}}]}}"#),
    ] {
        for to in TARGETS {
            let there = write(&line, Messages, to);
            assert_eq!(write(&there, to, Messages), line, "through {}: {there}", to.name());
            for next in TARGETS {
                let further = write(&there, to, next);
                assert_eq!(write(&further, next, to), there, "{} to {}: {further}", to.name(), next.name());
                assert_eq!(write(&further, next, Messages), line, "{} to {}: {further}", to.name(), next.name());
            }
        }
    }
    // As a turn, it has the form already.
    let line = r#"{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"w\",\"arguments\":{}}"}]}"#;
    round_trips(line, Sharegpt);
    assert!(!write(line, Sharegpt, Messages).contains("belle_source"));
}

#[test]
fn what_loses_nothing_gets_no_source() {
    for (from, to, line) in [
        (Alpaca, Messages, r#"{"instruction": "问", "input": "", "output": "答", "id": 1}"#),
        (Alpaca, Sharegpt, r#"{"instruction":"\u95ee","input":"","output":"\u7b54"}"#),
        (Sharegpt, Messages, r#"{"conversations":[{"from":"human","value":"问"},{"from":"gpt","value":"答"}]}"#),
        (Alpaca, Belle, r#"{"output": "a", "instruction": "q"}"#),
    ] {
        let there = write(line, from, to);
        assert!(!there.contains("belle_source"), "{there}");
        assert_eq!(write(&there, to, from), line);
    }
}

#[test]
fn texts_are_not_written_twice() {
    let long = "这是一段很长的文字，足够用来看出它有没有被写两遍。".repeat(40);
    let line = format!(r#"{{"output":"{long}","instruction":"q","input":"{long}"}}"#);
    let there = write(&line, Alpaca, Messages);
    assert!(there.len() < line.len() + 250, "{} of {}", there.len(), line.len());
}

#[test]
fn a_row_that_was_changed_is_taken_as_it_stands() {
    let there = write(r#"{"instruction": "q", "input": "some text", "output": "a"}"#, Alpaca, Messages);
    let changed = there.replace("some text", "some more text");
    let back = write(&changed, Messages, Alpaca);
    assert!(
        back.starts_with(r#"{"instruction": "q\nsome more text", "input": "", "output": "a", "source_belle_source": "#)
    );
    assert_eq!(write(&back, Alpaca, Messages), changed);
}

#[test]
fn forged_sources_are_no_more_than_keys() {
    for source in [
        "1",
        "{}",
        r#"{"format":"text","as":"messages","line":[]}"#,
        r#"{"format":"mixed","as":"messages","line":["{}"]}"#,
        r#"{"format":"text","as":"messages","line":["","0+99999999999999999999"]}"#,
        r#"{"format":"text","as":"messages","line":["","18446744073709551615+1"]}"#,
        r#"{"format":"text","as":"messages","line":["","-1+1"]}"#,
        r#"{"format":"text","as":"messages","line":["{\"text\":\"other\"}"]}"#,
        r#"{"format":"text","as":"messages","line":["{\"text\":\"a\nb\"}"]}"#,
        r#"{"format":"text","as":"text","line":["{\"text\":\"\",\"a\":1}"]}"#,
    ] {
        let line = format!(r#"{{"messages":[{{"role":"assistant","content":"t"}}],"belle_source":{source}}}"#);
        let there = write(&line, Messages, Alpaca);
        assert!(there.contains("source_belle_source"), "{there}");
        assert_eq!(write(&there, Alpaca, Messages), line);
    }
}

fn json_text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a汉😀\"\\\\ :\n\u{0}\u{1f}\u{7f}\u{2028}/]{0,12}",
        "[汉字语言模型数据]{20,40}",
        prop::sample::select(vec!["Human: x\nAssistant: y\nHuman:z", "[1]", "{\"a\": 1}", "", "q\n", "Human: "])
            .prop_map(str::to_owned)
    ];
    (text, 0..4).prop_map(|(text, spelling)| {
        let plain = serde_json::to_string(&text).unwrap();
        match spelling {
            0 => escaped(&plain, false),
            1 => escaped(&plain, true).replace('/', "\\/"),
            _ => plain,
        }
    })
}

/// A JSON string with its characters outside of ASCII as escapes.
fn escaped(plain: &str, upper: bool) -> String {
    let mut out = String::new();
    for unit in plain.encode_utf16() {
        match (u8::try_from(unit).ok().filter(u8::is_ascii), upper) {
            (Some(byte), _) => out.push(char::from(byte)),
            (None, true) => write!(out, "\\u{unit:04X}").unwrap(),
            (None, false) => write!(out, "\\u{unit:04x}").unwrap(),
        }
    }
    out
}

fn extras() -> impl Strategy<Value = Vec<String>> {
    let extra = prop::sample::select(vec![
        r#""id": "7""#,
        r#""id":8"#,
        r#""meta" : {"a": [1, {"b": null}]}"#,
        r#""output": 3"#,
        r#""messages": "m""#,
        r#""source_messages": 1"#,
        r#""system": "s""#,
        r#""system": null"#,
        r#""history": []"#,
        r#""text": "x""#,
        r#""belle_source": {"format": "text"}"#,
        r#""same": 1, "same": 2"#,
        r#""\u006bey": 1"#,
    ]);
    prop::collection::vec(extra.prop_map(str::to_owned), 0..3)
}

fn list(from: &'static [&'static str], key: &'static str, said: &'static str) -> impl Strategy<Value = String> {
    let extra = prop::sample::select(vec!["", "", "", r#","weight":1"#, r#", "name": "n""#, r#","text":"t""#]);
    let turn = (prop::sample::select(from), json_text(), extra)
        .prop_map(move |(role, text, extra)| format!(r#"{{"{key}": "{role}", "{said}": {text}{extra}}}"#));
    prop::collection::vec(turn, 1..6).prop_map(|turns| format!("[{}]", turns.join(", ")))
}

fn row() -> impl Strategy<Value = (Format, Vec<String>)> {
    let pair = |key: &'static str| json_text().prop_map(move |text| format!(r#""{key}": {text}"#));
    let alpaca = (pair("instruction"), prop::option::of(pair("input")), pair("output"), prop::bool::ANY).prop_map(
        |(instruction, input, output, history)| {
            let history = history.then(|| r#""history": [["a", "b"]]"#.to_owned());
            (Alpaca, [Some(instruction), input, Some(output), history].into_iter().flatten().collect())
        },
    );
    let belle = (pair("input"), pair("target")).prop_map(|(input, target)| (Belle, vec![input, target]));
    let spoken =
        list(&["human", "user", "gpt", "assistant", "tool", "system", "Bot", "function_call"], "from", "value")
            .prop_map(|list| (Sharegpt, vec![format!(r#""conversations": {list}"#)]));
    let messages = list(&["user", "assistant", "system", "tool", "function_call"], "role", "content")
        .prop_map(|list| (Messages, vec![format!(r#""messages":{list}"#)]));
    let text = pair("text").prop_map(|text| (Text, vec![text]));
    prop_oneof![alpaca, belle, spoken, messages, text]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_line_comes_back(
        (from, members) in row(),
        extra in extras(),
        place in 0_usize..4,
        compact in prop::bool::ANY,
    ) {
        let mut all = members;
        for member in extra {
            all.insert(place.min(all.len()), member);
        }
        let line = format!("{{{}}}", all.join(if compact { "," } else { ", " }));
        let mut batch = Batch::default();
        // A key in the way may make the line none of this format, which is for other tests.
        if read_line(line.as_bytes(), from, &mut batch).is_ok() {
            round_trips(&line, from);
        }
    }
}
