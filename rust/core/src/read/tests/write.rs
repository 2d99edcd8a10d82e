//! Rows in other shapes.

use proptest::prelude::*;

use super::render;
use crate::batch::Batch;
use crate::read::{Format, RejectReason, RowWriter, read_line, write_row};

use Format::{Alpaca, Belle, Messages, Mixed, Sharegpt, Text};

fn write(line: &str, from: Format, to: Format) -> String {
    let mut out = b"before ".to_vec();
    write_row(line.as_bytes(), from, to, &mut out).unwrap();
    String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
}

fn turns(line: &str, format: Format) -> String {
    let mut batch = Batch::default();
    read_line(line.as_bytes(), format, &mut batch).unwrap();
    render(&batch).remove(0)
}

#[test]
fn shapes() {
    let cases = [
        (
            Alpaca,
            Sharegpt,
            r#"{"id": "1",  "instruction": "q", "input": "\u4e2d", "output": "a\"\n", "n": 1.0}"#,
            r#"{"id": "1", "conversations": [{"from": "human", "value": "q\n\u4e2d"}, {"from": "gpt", "value": "a\"\n"}], "n": 1.0}"#,
        ),
        (
            Alpaca,
            Messages,
            r#"{"system":"s","instruction":"q","output":"a","history":[["1","2"]]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"1"},{"role":"assistant","content":"2"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
        ),
        (
            Sharegpt,
            Alpaca,
            r#"{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"1"},{"from":"gpt","value":"2"},{"from":"human","value":"3"},{"from":"gpt","value":"4"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"k": { "raw" : 1 }}"#,
            r#"{"instruction":"q","input":"","output":"a","system":"s","history":[["1","2"],["3","4"]],"k":{ "raw" : 1 }}"#,
        ),
        (
            Sharegpt,
            Belle,
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"tool","value":"t"},{"from":"gpt","value":"a"},{"from":"human","value":"?"}]}"#,
            r#"{"instruction":"q","input":"","output":"a","conversations":[{"from":"human","value":"q"},{"from":"observation","value":"t"},{"from":"gpt","value":"a"},{"from":"human","value":"?"}]}"#,
        ),
        (
            Messages,
            Sharegpt,
            r#"{"messages":[{"role":"user","content":"q","name":"n"},{"role":"assistant","content":null,"tool_calls":[{"f": 1}]},{"role":"tool","tool_call_id":"7","content":"r"}]}"#,
            r#"{"conversations":[{"from":"human","value":"q","name":"n"},{"from":"function_call","value":"[{\"f\": 1}]"},{"from":"observation","value":"r","tool_call_id":"7"}]}"#,
        ),
        (
            Sharegpt,
            Messages,
            r#"{"conversations": [{"from": "function_call", "value": "[{\"f\": 1}]"}, {"from": "function_call", "value": "{\"f\": 1}"}, {"from": "function_call", "value": "call"}]}"#,
            r#"{"messages": [{"role": "function_call", "content": "[{\"f\": 1}]"}, {"role": "function_call", "content": "{\"f\": 1}"}, {"role": "function_call", "content": "call"}]}"#,
        ),
        (
            Messages,
            Sharegpt,
            r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"7","type":"function","function":{"name":"w","arguments":"{\"c\": \"\u4eac\"}"}}]},{"role":"assistant","function_call":{"name":"w","arguments":"{}"}}]}"#,
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"[{\"name\": \"w\", \"arguments\": {\"c\": \"\u4eac\"}}]"},{"from":"function_call","value":"{\"name\": \"w\", \"arguments\": {}}"}]}"#,
        ),
        (
            Messages,
            Sharegpt,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"看"},{"type":"image"}]}]}"#,
            r#"{"conversations":[{"from":"human","value":[{"type":"text","text":"看"},{"type":"image"}]}]}"#,
        ),
        (
            Belle,
            Alpaca,
            r#"{"instruction":"Human: q\nAssistant: a\nHuman: r\nAssistant:","input":"","output":"b"}"#,
            r#"{"instruction":"r","input":"","output":"b","history":[["q","a"]]}"#,
        ),
        (Belle, Alpaca, r#"{"input":"q","target":"a"}"#, r#"{"instruction":"q","input":"","output":"a"}"#),
        (
            Alpaca,
            Belle,
            r#"{"instruction":"q","input":"i","output":"a"}"#,
            r#"{"instruction":"q","input":"i","output":"a"}"#,
        ),
        (
            Alpaca,
            Belle,
            r#"{"instruction":"Human: q","output":"a"}"#,
            r#"{"instruction":"Human: q","input":"","output":"a","conversations":[{"from":"human","value":"Human: q"},{"from":"gpt","value":"a"}]}"#,
        ),
        (Text, Alpaca, r#"{"text":"t","id":1}"#, r#"{"instruction":"","input":"","output":"t","id":1}"#),
        (Text, Sharegpt, r#"{"text":"t"}"#, r#"{"conversations":[{"from":"gpt","value":"t"}]}"#),
        (
            Text,
            Alpaca,
            r#"{"text":"t","output":1,"source_output":2,"history":"h","history":null}"#,
            r#"{"instruction":"","input":"","output":"t","source_source_output":1,"source_output":2}"#,
        ),
        (
            Alpaca,
            Sharegpt,
            r#"{"instruction":"q","input":"","output":"a","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"},{"from":"human","value":"r"}],"n":1}"#,
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"},{"from":"human","value":"r"}],"n":1}"#,
        ),
        (Mixed, Alpaca, r#"{"text":"t"}"#, r#"{"instruction":"","input":"","output":"t"}"#),
        (Mixed, Alpaca, r#"{"instruction":"q","output":"a"}"#, r#"{"instruction":"q","output":"a"}"#),
    ];
    for (from, to, line, expected) in cases {
        assert_eq!(write(line, from, to), expected, "{} to {} of {line}", from.name(), to.name());
    }
}

fn write_plain(line: &str, from: Format, to: Format) -> Result<String, RejectReason> {
    let mut out = b"kept".to_vec();
    let written = RowWriter::plain(from, to).write_checked(line.as_bytes(), &mut out);
    let text = String::from_utf8(out).unwrap().strip_prefix("kept").unwrap().to_owned();
    assert!(written.is_ok() || text.is_empty());
    written.map(|()| text).map_err(|error| error.reason)
}

#[test]
fn plain_rows_have_the_keys_of_the_format() {
    let cases = [
        (
            Alpaca,
            Alpaca,
            r#"{"id": 7, "instruction": "q", "output": null, "label": [1]}"#,
            r#"{"instruction": "q", "input": "", "output": "", "system": "", "history": [], "tools": ""}"#,
        ),
        (
            Alpaca,
            Alpaca,
            r#"{"instruction":"q","input":"i","output":"a","system":"s","history":[["1","2"],["3","4"]]}"#,
            r#"{"instruction":"q","input":"i","output":"a","system":"s","history":[["1","2"],["3","4"]],"tools":""}"#,
        ),
        (
            Belle,
            Belle,
            r#"{"input":"Human: q\nAssistant: a\nHuman: r\nAssistant:","target":"b"}"#,
            r#"{"instruction":"r","input":"","output":"b","system":"","history":[["q","a"]],"tools":""}"#,
        ),
        (
            Alpaca,
            Alpaca,
            r#"{"instruction":"Human: q","output":"a","belle_source":{}}"#,
            r#"{"instruction":"Human: q","input":"","output":"a","system":"","history":[],"tools":""}"#,
        ),
        (
            Sharegpt,
            Messages,
            r#"{"id":"x","conversation":[{"human":"q","assistant":"a","n":1}],"system":"s","tools":[{"name": "w"}]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"tools":"[{\"name\": \"w\"}]"}"#,
        ),
        (
            Messages,
            Messages,
            r#"{"id":null,"messages":[{"role":"user","content":[{"type":"text","text":"q"},"r"]},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"w"}}]},{"role":"function","content":"5"},{"role":"assistant","content":null}],"tools":"[]","images":[]}"#,
            r#"{"messages":[{"role":"user","content":"qr"},{"role":"function_call","content":"[{\"name\": \"w\", \"arguments\": {}}]"},{"role":"tool","content":"5"},{"role":"assistant","content":""}],"tools":"[]"}"#,
        ),
        (
            Mixed,
            Sharegpt,
            r#"{"instruction":"q","output":"a"}"#,
            r#"{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"tools":""}"#,
        ),
        (
            Text,
            Alpaca,
            r#"{"text":"t"}"#,
            r#"{"instruction":"","input":"","output":"t","system":"","history":[],"tools":""}"#,
        ),
        (Text, Text, r#"{"n":1,"text":"t"}"#, r#"{"text":"t"}"#),
    ];
    for (from, to, line, expected) in cases {
        assert_eq!(write_plain(line, from, to).as_deref(), Ok(expected), "{line}");
    }
}

#[test]
fn a_plain_row_comes_from_the_first_line() {
    let line = r#"{"instruction":"q","input":"i","output":"a"}"#;
    let mut there = Vec::new();
    RowWriter::lossless(Alpaca, Messages).write(line.as_bytes(), &mut there).unwrap();
    let there = String::from_utf8(there).unwrap();
    assert!(there.contains("belle_source"));
    assert_eq!(write_plain(&there, Messages, Alpaca), write_plain(line, Alpaca, Alpaca));
}

#[test]
fn what_a_plain_row_cannot_hold_is_refused() {
    for (from, to, line) in [
        (Messages, Messages, r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#),
        (Alpaca, Alpaca, r#"{"instruction":"q","output":"a","images":["a.png"]}"#),
        (Alpaca, Alpaca, r#"{"instruction":"q","output":"a","tools":"search"}"#),
        (Alpaca, Alpaca, r#"{"instruction":"q","output":"a","tools":[1]}"#),
        (Alpaca, Belle, r#"{"instruction":"Human: q","output":"a"}"#),
        (Alpaca, Text, r#"{"instruction":"q","output":"a"}"#),
        (Sharegpt, Alpaca, r#"{"conversations":[{"from":"human","value":"q"}]}"#),
        (Sharegpt, Sharegpt, r#"{"conversations":[{"from":"function_call","value":"weather(北京)"}]}"#),
        (Text, Text, r#"{"text":1}"#),
    ] {
        assert_eq!(write_plain(line, from, to), Err(RejectReason::WrongType), "{line}");
    }
}

#[test]
fn the_same_shape_keeps_every_byte() {
    for format in Format::ALL {
        assert_eq!(write("  anything at all \r\n", format, format), "anything at all");
    }
    assert_eq!(write("{ }", Text, Mixed), "{ }");
}

#[test]
fn errors_write_nothing() {
    for (line, from, to, reason) in [
        (&b"{"[..], Text, Alpaca, RejectReason::NotJson),
        (b"\xff", Text, Alpaca, RejectReason::InvalidUtf8),
        (br#"{"text":1}"#, Text, Alpaca, RejectReason::WrongType),
        (br#"{"a":1}"#, Mixed, Alpaca, RejectReason::MissingField),
        (br#"{"instruction":"q","output":"a"}"#, Alpaca, Text, RejectReason::WrongType),
        (br#"{"chosen":"q","rejected":"a"}"#, Mixed, Sharegpt, RejectReason::PreferenceData),
    ] {
        let mut out = b"kept".to_vec();
        assert_eq!(write_row(line, from, to, &mut out).unwrap_err().reason, reason);
        assert_eq!(out, b"kept");
    }
}

/// A conversation of any roles and texts, as a row of `sharegpt`.
fn conversation() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a汉\"\\\\ :\n\u{0}\u{1f}\u{7f}\u{2028}]{0,8}",
        Just("Human: x".to_owned()),
        Just("[1]".to_owned())
    ];
    let role = prop::sample::select(vec!["human", "gpt", "human", "gpt", "system", "function_call", "tool"]);
    let extra = prop::sample::select(vec!["", "", "", r#", "weight": 1"#, r#", "content": "x""#]);
    let turn = (role, text, extra).prop_map(|(role, text, extra)| {
        format!(r#"{{"from": "{role}", "value": {}{extra}}}"#, serde_json::to_string(&text).unwrap())
    });
    let system = prop::sample::select(vec!["", r#", "system": "s""#, r#", "system": """#, r#", "output": {}"#]);
    (prop::collection::vec(turn, 1..6), system)
        .prop_map(|(turns, system)| format!(r#"{{"id": 5, "conversations": [{}]{system}}}"#, turns.join(", ")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_turn_is_lost_on_the_way(line in conversation()) {
        let expected = turns(&line, Sharegpt);
        for to in [Alpaca, Belle, Messages] {
            let there = write(&line, Sharegpt, to);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&there).is_ok(), "{}", there);
            prop_assert!(!there.contains('\n'));
            prop_assert_eq!(turns(&there, to), &expected[..], "{}", there);
            for back in [Sharegpt, Messages, Alpaca, Belle] {
                let again = write(&there, to, back);
                prop_assert_eq!(turns(&again, back), &expected[..], "{} then {}", there, again);
            }
        }
    }
}
