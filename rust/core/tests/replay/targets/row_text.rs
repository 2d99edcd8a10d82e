//! Rows of JSON put together from choices: the keys and values that formats know, in good and in bad order.

use std::fmt::Write as _;

use super::choices::Choices;

/// Pieces of strings, as they stand in JSON.
const PIECES: &[&str] = &[
    "a",
    "b",
    "汉",
    "字",
    " ",
    r"\n",
    r#"\""#,
    r"\\",
    r"\u4e2d",
    r"\ud83d\ude00",
    "Human:",
    r"\nAssistant:",
    "：",
    r"\t",
    r"\u0000",
    "/",
    r"\/",
    "é",
    "😀",
    r#"{\"k\":1}"#,
    "[1]",
    r"\r",
    "\u{2028}",
    r"\u0041",
    r"\nHuman",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "中文中文中文中文中文中文中文中文中文中文",
    r"\b\f",
    r"\ud83d",
    "\t",
];
const KEYS: &[&str] = &[
    "instruction",
    "output",
    "input",
    "conversations",
    "messages",
    "text",
    "id",
    "system",
    "history",
    "target",
    "conversation",
    "extra",
    "source_output",
    "chosen",
    "rejected",
    "source_system",
    "",
    "source_source_output",
];
const ROLES: &[&str] = &[
    "human",
    "gpt",
    "user",
    "assistant",
    "system",
    "tool",
    "function_call",
    "observation",
    "Human",
    "DEVELOPER",
    "nobody",
    "a_role_of_more_than_24_bytes",
    "",
];
const TURN_KEYS: &[&str] = &[
    "from",
    "value",
    "role",
    "content",
    "text",
    "human",
    "assistant",
    "tool_calls",
    "function_call",
    "weight",
    "extra",
    "source_value",
];
const PART_TYPES: &[&str] = &["text", "image", "input_text", ""];
const SCALARS: &[&str] =
    &["null", "0", "-1.50e+3", "true", "{}", "[]", "12345678901234567890123", "[null]", r#"{"a":[]}"#];

/// Makes rows: `shape` decides the keys and the types, `text` what strings say.
#[derive(Clone, Copy, Debug)]
pub struct RowMaker<'a> {
    pub shape: Choices<'a>,
    pub text: Choices<'a>,
    /// Whether separators have blanks behind them.
    pub spaced: bool,
}

impl RowMaker<'_> {
    /// An object with some of the keys that formats know.
    pub fn row(&mut self) -> String {
        // The usual shapes are short to choose, so that most rows are rows.
        match self.shape.below(8) {
            0 => {
                let values: [String; 3] = std::array::from_fn(|_| self.string());
                let [instruction, input, output] = values;
                self.object(&[("instruction", instruction), ("input", input), ("output", output)])
            }
            1 => {
                let turns = self.turns();
                self.object(&[("id", "7".to_owned()), ("conversations", turns)])
            }
            2 => {
                let turns = self.turns();
                self.object(&[("messages", turns)])
            }
            3 => {
                let (text, id) = (self.string(), self.string());
                self.object(&[("text", text), ("id", id)])
            }
            _ => {
                let count = self.shape.below(7);
                let members: Vec<_> = (0..count)
                    .map(|_| {
                        let key = self.shape.one_of(KEYS);
                        let value = self.value(key);
                        (key, value)
                    })
                    .collect();
                self.object(&members)
            }
        }
    }

    fn object(&mut self, members: &[(&str, String)]) -> String {
        let (colon, comma) = if self.spaced { (": ", ", ") } else { (":", ",") };
        let mut text = String::from("{");
        for (at, (key, value)) in members.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { comma });
            text.push('"');
            match key.chars().next() {
                // A key may be escaped like any string.
                Some(first) if self.shape.byte() == 0xff => {
                    write!(text, "\\u{:04x}{}", u32::from(first), &key[first.len_utf8()..]).unwrap();
                }
                _ => text.push_str(key),
            }
            text.push('"');
            text.push_str(colon);
            text.push_str(value);
        }
        text.push('}');
        text
    }

    fn list(&self, items: &[String]) -> String {
        format!("[{}]", items.join(if self.spaced { ", " } else { "," }))
    }

    fn string(&mut self) -> String {
        format!("\"{}\"", self.text.text(PIECES, 40))
    }

    /// A value that the key may have, or any other.
    fn value(&mut self, key: &str) -> String {
        let kind = self.shape.below(12);
        match (key, kind) {
            (_, 0) => self.shape.one_of(SCALARS).to_owned(),
            ("conversations" | "conversation" | "messages", 1..10) | (_, 1) => self.turns(),
            ("history", 2..10) | (_, 2) => {
                let count = self.shape.below(4);
                let pairs: Vec<String> = (0..count)
                    .map(|_| {
                        let sides = [2, 2, 2, 2, 2, 2, 1, 3][self.shape.below(8)];
                        let sides: Vec<String> = (0..sides).map(|_| self.string()).collect();
                        self.list(&sides)
                    })
                    .collect();
                self.list(&pairs)
            }
            _ => self.string(),
        }
    }

    fn turns(&mut self) -> String {
        let count = self.shape.below(5);
        let turns: Vec<String> = (0..count).map(|_| self.turn()).collect();
        self.list(&turns)
    }

    fn turn(&mut self) -> String {
        let role = |maker: &mut Self| format!("\"{}\"", maker.shape.one_of(ROLES));
        match self.shape.below(6) {
            0 | 1 => {
                let (role, text) = (role(self), self.string());
                self.object(&[("from", role), ("value", text)])
            }
            2 => {
                let (role, text) = (role(self), self.string());
                self.object(&[("role", role), ("content", text)])
            }
            3 => self.shape.one_of(SCALARS).to_owned(),
            _ => {
                let count = self.shape.below(5);
                let members: Vec<_> = (0..count)
                    .map(|_| {
                        let key = self.shape.one_of(TURN_KEYS);
                        let value = match (key, self.shape.below(6)) {
                            ("from" | "role", 1..) => role(self),
                            (_, 0) => self.shape.one_of(SCALARS).to_owned(),
                            ("value" | "content", 1) => self.parts(),
                            ("tool_calls" | "function_call", 1..4) => {
                                let name = self.string();
                                let call = self.object(&[("name", name)]);
                                if key == "tool_calls" { self.list(&[call]) } else { call }
                            }
                            _ => self.string(),
                        };
                        (key, value)
                    })
                    .collect();
                self.object(&members)
            }
        }
    }

    fn parts(&mut self) -> String {
        let count = self.shape.below(4);
        let parts: Vec<String> = (0..count)
            .map(|_| match self.shape.below(5) {
                0 => self.string(),
                1 => self.shape.one_of(SCALARS).to_owned(),
                2 => {
                    let text = self.string();
                    self.object(&[("text", text)])
                }
                _ => {
                    let kind = format!("\"{}\"", self.shape.one_of(PART_TYPES));
                    let text = self.string();
                    self.object(&[("type", kind), ("text", text)])
                }
            })
            .collect();
        self.list(&parts)
    }
}
