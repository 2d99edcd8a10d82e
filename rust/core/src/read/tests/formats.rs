//! Every format's rows and mistakes.

use super::one;
use crate::read::{Format, RejectReason, detect_format};

use Format::{Alpaca, Belle, Messages, Mixed, Sharegpt, Text};

fn check(cases: &[(Format, &str, &str)]) {
    for (format, line, expected) in cases {
        assert_eq!(one(*format, line), *expected, "{} of {line}", format.name());
    }
}

#[test]
fn names_go_both_ways() {
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
    assert_eq!(Format::from_name("Alpaca"), None);
    let mut names = RejectReason::ALL.map(RejectReason::name).to_vec();
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[test]
fn alpaca_rows() {
    check(&[
        (Alpaca, r#"{"instruction":"问","input":"料","output":"答"}"#, "-|user: 问\n料|assistant: 答"),
        (Alpaca, r#"{"instruction":"问","input":"","output":"答"}"#, "-|user: 问|assistant: 答"),
        (Alpaca, r#"{"instruction":"","input":"料","output":"答"}"#, "-|user: 料|assistant: 答"),
        (Alpaca, r#"{"instruction":"","input":"","output":""}"#, "-|user: |assistant: "),
        (Alpaca, r#"{"instruction":"q","output":"a"}"#, "-|user: q|assistant: a"),
        (Alpaca, r#"{"output":"a","instruction":"q","id":"7"}"#, "7|user: q|assistant: a"),
        (Alpaca, r#"{"instruction":"q","input":null,"output":null,"system":null}"#, "-|user: q|assistant: "),
        (Alpaca, r#"{"instruction":"q","output":"a","system":"s"}"#, "-|system: s|user: q|assistant: a"),
        (Alpaca, r#"{"instruction":"q","output":"a","system":""}"#, "-|user: q|assistant: a"),
        (
            Alpaca,
            r#"{"instruction":"q","output":"a","history":[["1","2"],["3","4"]],"system":"s"}"#,
            "-|system: s|user: 1|assistant: 2|user: 3|assistant: 4|user: q|assistant: a",
        ),
        (Alpaca, r#"{"instruction":"q","output":"a","history":[]}"#, "-|user: q|assistant: a"),
        (Alpaca, r#"{"instruction":"q","output":"a","history":null}"#, "-|user: q|assistant: a"),
        (Alpaca, r#"{"instruction":"q","output":"a","instruction":"r"}"#, "-|user: r|assistant: a"),
        (
            Alpaca,
            r#"{"instruction":"q","\u0069nput":"\u0041\n\ud83d\ude00","output":"a"}"#,
            "-|user: q\nA\n😀|assistant: a",
        ),
        (Alpaca, r#"{"instruction":"Human: x","output":"a"}"#, "-|user: Human: x|assistant: a"),
        (
            Alpaca,
            r#"{"instruction":"q","output":"a","conversations":[{"from":"human","value":"1"},{"from":"tool","value":"2"}]}"#,
            "-|user: 1|observation: 2",
        ),
        (Alpaca, r#"{"instruction":"q","output":"a","conversations":[]}"#, "-|user: q|assistant: a"),
    ]);
}

#[test]
fn ids() {
    check(&[
        (Text, r#"{"id":"a\nb","text":""}"#, "a\nb|text: "),
        (Text, r#"{"id":"","text":""}"#, "|text: "),
        (Text, r#"{"id":12345678901234567890123,"text":""}"#, "12345678901234567890123|text: "),
        (Text, r#"{"id":-1.50e+3,"text":""}"#, "-1.50e+3|text: "),
        (Text, r#"{"id":null,"text":""}"#, "-|text: "),
        (Text, r#"{"id":1,"id":2,"text":""}"#, "2|text: "),
        (
            Text,
            r#"{"id":true,"text":""}"#,
            "wrong_type: byte 6: `id` is a boolean `true`, it must be a string, a number or null",
        ),
        (
            Text,
            r#"{"id":[1],"text":""}"#,
            "wrong_type: byte 6: `id` is a list `[1]`, it must be a string, a number or null",
        ),
    ]);
}

#[test]
fn belle_rows() {
    check(&[
        (Belle, r#"{"instruction":"q","input":"","output":"a"}"#, "-|user: q|assistant: a"),
        (Belle, r#"{"input":"q","target":"a"}"#, "-|user: q|assistant: a"),
        (Belle, r#"{"input":"Human: 你好\nAssistant: ","target":"a"}"#, "-|user: 你好|assistant: a"),
        (
            Belle,
            r#"{"instruction":"Human: 一\n二 \n\nAssistant: 三\nHuman：四\nAssistant：","input":"","output":"五"}"#,
            "-|user: 一\n二|assistant: 三|user: 四|assistant: 五",
        ),
        (
            Belle,
            r#"{"instruction":" \n Human:x\n Assistant:y Human: z","output":"a"}"#,
            "-|user: x|assistant: y Human: z|assistant: a",
        ),
        (Belle, r#"{"instruction":"Human:\nAssistant:","output":"a"}"#, "-|user: |assistant: a"),
        (Belle, r#"{"instruction":"Human: x  ","output":"a"}"#, "-|user: x  |assistant: a"),
        (
            Belle,
            r#"{"instruction":"改写\nHuman: x\nAssistant: y","output":"a"}"#,
            "-|user: 改写\nHuman: x\nAssistant: y|assistant: a",
        ),
        (Belle, r#"{"instruction":"Humans: x","output":"a"}"#, "-|user: Humans: x|assistant: a"),
        (Belle, r#"{"instruction":"Assistant: x","output":"a"}"#, "-|user: Assistant: x|assistant: a"),
        (Belle, r#"{"input":"q"}"#, "missing_field: byte 0: the row has no `instruction`; it has `input`"),
        (
            Belle,
            r#"{"instruction":"q"}"#,
            "missing_field: byte 0: the row has no `output` or `target`; it has `instruction`",
        ),
    ]);
}

#[test]
fn sharegpt_rows() {
    check(&[
        (
            Sharegpt,
            r#"{"id":3,"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}"#,
            "3|user: q|assistant: a",
        ),
        (
            Sharegpt,
            r#"{"conversation":[{"human":"q","assistant":"a"},{"assistant":"c","human":"b"}],"system":"s"}"#,
            "-|system: s|user: q|assistant: a|user: b|assistant: c",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"role":"System","content":"s"},{"FROM":1,"from":"Prompter","text":"q"},{"from":"BING","value":""}]}"#,
            "-|system: s|user: q|assistant: ",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"from":"function_call","value":"{}"},{"from":"observation","value":"o"},{"from":"function_response","value":"r"}]}"#,
            "-|function_call: {}|observation: o|observation: r",
        ),
        (Sharegpt, r#"{"conversations":[],"conversation":[{"from":"question","value":"q"}]}"#, "-|user: q"),
        (
            Sharegpt,
            r#"{"conversations":[]}"#,
            "missing_field: byte 0: the row has no turn: its list is empty; it has `conversations`",
        ),
        (Sharegpt, r#"{"messages":[]}"#, "missing_field: byte 0: the row has no `conversations`; it has `messages`"),
        (
            Sharegpt,
            r#"{"conversations":"x"}"#,
            "wrong_type: byte 17: the conversation is a string `\"x\"`, it must be a list of turns",
        ),
        (
            Sharegpt,
            r#"{"conversations":["x"]}"#,
            "wrong_type: byte 18: a turn is a string `\"x\"`, it must be an object",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"from":"narrator","value":"x"}]}"#,
            "wrong_type: byte 26: the speaker of a turn is a string `\"narrator\"`, it must be a known role (system, user, assistant, function_call, observation or a usual spelling)",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"value":"x"}]}"#,
            "missing_field: byte 18: a turn has no `from` or `role`; it has `value`",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"from":"gpt"}]}"#,
            "missing_field: byte 18: a turn has no `value` or `content`; it has `from`",
        ),
        (
            Sharegpt,
            r#"{"conversations":[{"from":"gpt","value":3}]}"#,
            "wrong_type: byte 40: what a turn says is a number `3`, it must be a string, null or a list of parts",
        ),
    ]);
    for (names, role) in [
        (&["human", "user", "prompter", "question"][..], "user"),
        (&["gpt", "assistant", "bot", "chatgpt", "bard", "bing", "model", "answer"], "assistant"),
        (&["system", "developer"], "system"),
        (&["function_call", "tool_call"], "function_call"),
        (&["observation", "tool", "function", "function_response"], "observation"),
    ] {
        for name in names {
            for name in [(*name).to_owned(), name.to_uppercase()] {
                let line = format!(r#"{{"conversations":[{{"from":"{name}","value":"x"}}]}}"#);
                assert_eq!(one(Sharegpt, &line), format!("-|{role}: x"));
            }
        }
    }
}

#[test]
fn messages_rows() {
    check(&[
        (
            Messages,
            r#"{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}"#,
            "-|system: s|user: q|assistant: a",
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"看"},{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"图"}]}]}"#,
            "-|user: 看图+1",
        ),
        (
            Messages,
            r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id": "1"}]},{"role":"tool","content":"r"}]}"#,
            r#"-|function_call: [{"id": "1"}]|observation: r"#,
        ),
        (
            Messages,
            r#"{"messages":[{"role":"assistant","content":"let me","tool_calls":[1]}]}"#,
            "-|assistant: let me|function_call: [1]",
        ),
        (Messages, r#"{"messages":[{"role":"assistant","tool_calls":[1]}]}"#, "-|function_call: [1]"),
        (Messages, r#"{"messages":[{"role":"assistant","content":null,"tool_calls":null}]}"#, "-|assistant: "),
        (Messages, r#"{"messages":[{"role":"user","content":["a",{"text":"b"},{"type":"audio"}]}]}"#, "-|user: ab+1"),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "missing_field: byte 39: a part of a turn has no `text`; it has `type`",
        ),
        (
            Messages,
            r#"{"messages":[{"role":"user","content":[7]}]}"#,
            "wrong_type: byte 39: a part of a turn is a number `7`, it must be an object or a string",
        ),
        (Messages, r#"{"messages":null}"#, "wrong_type: byte 12: the conversation is null, it must be a list of turns"),
    ]);
}

#[test]
fn text_and_mixed_rows() {
    check(&[
        (Text, r#"{"text":"x"}"#, "-|text: x"),
        (Text, r#"{"text":null}"#, "wrong_type: byte 8: `text` is null, it must be a string"),
        (Text, "{}", "missing_field: byte 0: the row has no `text`; it has no key at all"),
        (Mixed, r#"{"text":"x","messages":[{"role":"user","content":"q"}]}"#, "-|user: q"),
        (Mixed, r#"{"text":"x","instruction":"Human: q\nAssistant:","output":"a"}"#, "-|user: q|assistant: a"),
        (Mixed, r#"{"input":"q","target":"a"}"#, "-|user: q|assistant: a"),
        (Mixed, r#"{"conversation":[{"from":"user","value":"q"}]}"#, "-|user: q"),
        (Mixed, r#"{"text":"x"}"#, "-|text: x"),
        (
            Mixed,
            r#"{"prompt":"x","\u0062":1}"#,
            r"missing_field: byte 0: the row has no `messages`, `conversations`, `instruction` or `text`; it has `prompt`, `\u0062`",
        ),
    ]);
}

#[test]
fn preference_data_is_named() {
    let preference = |line: &str| one(Mixed, line).starts_with("preference_data: byte 0: ");
    assert!(preference(r#"{"prompt":"q","chosen":"a","rejected":"b"}"#));
    assert!(preference(r#"{"instruction":"q","output":"x","chosen":"a","rejected":"b"}"#));
    assert!(preference(r#"{"instruction":"q","chosen":"a"}"#));
    assert!(preference(r#"{"input":"q","preferred_output":[1],"non_preferred_output":[2]}"#));
    assert!(preference(r#"{"conversations":[{"from":"human","value":"q"}],"chosen":{},"rejected":{}}"#));
    assert_eq!(one(Mixed, r#"{"instruction":"q","output":"a","rejected":false}"#), "-|user: q|assistant: a");
    assert_eq!(one(Alpaca, r#"{"instruction":"q","output":"a","chosen":true}"#), "-|user: q|assistant: a");
}

#[test]
fn long_values_and_control_characters_in_messages() {
    let line = format!(r#"{{"text":["{}"]}}"#, "汉".repeat(200));
    let quoted = format!("[\"{}…", "汉".repeat(58));
    assert_eq!(one(Text, &line), format!("wrong_type: byte 8: `text` is a list `{quoted}`, it must be a string"));
    let keys: Vec<_> = (0..30).map(|key| format!("\"k{key}\": 1")).collect();
    let message = one(Text, &format!("{{{}}}", keys.join(",")));
    assert!(message.ends_with("`k19` and 10 more"), "{message}");
}

#[test]
fn detection() {
    let alpaca = r#"{"instruction":"q","input":"","output":"a"}"#;
    let belle = r#"{"input":"q","target":"a"}"#;
    let dialogue = r#"{"instruction":"\nHuman: q","input":"","output":"a"}"#;
    let sharegpt = r#"{"conversations":[]}"#;
    let messages = r#"{"messages":[]}"#;
    let text = r#"{"text":""}"#;
    let preference = r#"{"prompt":"","chosen":"","rejected":""}"#;
    let cases: [(&[&str], Option<Format>); 15] = [
        (&[], None),
        (&["", "not json", "[1]", "3", r#"{"a":1}"#], None),
        (&[alpaca], Some(Alpaca)),
        (&[alpaca, "broken", "", alpaca], Some(Alpaca)),
        (&[belle], Some(Belle)),
        (&[dialogue], Some(Belle)),
        (&[alpaca, dialogue], Some(Belle)),
        (&[sharegpt], Some(Sharegpt)),
        (&[messages], Some(Messages)),
        (&[text], Some(Text)),
        (&[text, messages], Some(Mixed)),
        (&[belle, alpaca, sharegpt], Some(Mixed)),
        (&[preference], Some(Mixed)),
        (&[preference, alpaca], Some(Alpaca)),
        (&[r#"{"instruction":"","output":"","conversations":[{}]}"#], Some(Alpaca)),
    ];
    for (lines, expected) in cases {
        for end in ["\n", "\r\n"] {
            assert_eq!(detect_format(lines.join(end).as_bytes()), expected, "{lines:?}");
            assert_eq!(detect_format(format!("\u{feff}{}", lines.join(end)).as_bytes()), expected, "{lines:?}");
        }
    }
    // Only the first hundred rows count.
    let many = [vec![alpaca; 100], vec![text]].concat().join("\n");
    assert_eq!(detect_format(many.as_bytes()), Some(Alpaca));
}
