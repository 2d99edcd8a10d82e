//! Calls of tools, in the one form that trainers read from the text of a turn.

use std::borrow::Cow;

use crate::json::{Kind, Tape, scan, unescape_into, write_string};

/// A call as `{"name": …, "arguments": …}`, and several as a list of such objects; `None` if the text is no call.
///
/// The other forms that exist become this one: `name` and `arguments` inside of `function`, arguments as JSON in a
/// string, under the name `parameters`, or none at all. `id`, `type` and `index`, which only number the calls, are left
/// out then; any other member stays behind the two. A text that has the form already is given as it is.
pub(super) fn readable_call(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut tape = Tape::new();
    scan(text, &mut tape).ok()?;
    let source = Source { text, tape: &tape };
    let root = tape.at(0);
    let is_list = root.kind == Kind::Array;
    let items: Vec<_> = if is_list { tape.items(0).collect() } else { vec![0] };
    let calls = items.iter().map(|&item| source.call(item)).collect::<Option<Vec<_>>>()?;
    if calls.is_empty() {
        return None;
    }
    if calls.iter().all(|call| call.is_readable) {
        return Some(Cow::Borrowed(text));
    }
    let mut written = Vec::with_capacity(text.len());
    for (index, call) in calls.iter().enumerate() {
        written.extend_from_slice(match (is_list, index) {
            (false, _) => b"",
            (true, 0) => b"[",
            (true, _) => b", ",
        });
        source.write(call, &mut written);
    }
    written.extend_from_slice(if is_list { b"]" } else { b"" });
    Some(Cow::Owned(written))
}

/// Where the parts of one call are.
struct Call {
    /// The object with the members around name and arguments, if it is not the same.
    around: Option<usize>,
    inner: usize,
    name: usize,
    arguments: Option<usize>,
    /// The arguments are called `parameters`.
    are_parameters: bool,
    is_readable: bool,
}

struct Source<'a> {
    text: &'a [u8],
    tape: &'a Tape,
}

impl Source<'_> {
    fn call(&self, item: usize) -> Option<Call> {
        let function = self.member(item, b"function").filter(|&index| self.kind(index) == Kind::Object);
        let inner = function.unwrap_or(item);
        let name = self.member(inner, b"name").filter(|&index| self.kind(index).is_string())?;
        let named = self.member(inner, b"arguments");
        let parameters = self.member(inner, b"parameters").filter(|_| named.is_none());
        let outside = function.and_then(|_| self.member(item, b"arguments"));
        Some(Call {
            around: function.map(|_| item),
            inner,
            name,
            arguments: named.or(parameters).or(outside),
            are_parameters: parameters.is_some(),
            is_readable: function.is_none() && named.is_some_and(|index| !self.kind(index).is_string()),
        })
    }

    fn write(&self, call: &Call, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"name": "#);
        out.extend_from_slice(self.raw(call.name));
        out.extend_from_slice(br#", "arguments": "#);
        self.write_arguments(call.arguments, out);
        for object in [Some(call.inner), call.around].into_iter().flatten() {
            for (key, value) in self.tape.members(object) {
                let name = self.string(key);
                let known = matches!(&name[..], b"name" | b"arguments" | b"id" | b"type" | b"index" | b"function");
                let is_arguments = object == call.inner && call.are_parameters && name == b"parameters";
                if !known && !is_arguments {
                    out.extend_from_slice(b", ");
                    out.extend_from_slice(self.raw(key));
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(self.raw(value));
                }
            }
        }
        out.push(b'}');
    }

    fn write_arguments(&self, arguments: Option<usize>, out: &mut Vec<u8>) {
        let Some(index) = arguments.filter(|&index| self.kind(index) != Kind::Null) else {
            return out.extend_from_slice(b"{}");
        };
        if !self.kind(index).is_string() {
            return out.extend_from_slice(self.raw(index));
        }
        let text = self.string(index);
        let text = text.trim_ascii();
        let mut tape = Tape::new();
        if text.is_empty() {
            out.extend_from_slice(b"{}");
        } else if scan(text, &mut tape).is_ok() && tape.at(0).kind == Kind::Object {
            out.extend_from_slice(text);
        } else {
            write_string(&self.string(index), out);
        }
    }

    /// The value of a key; of a key that comes twice, the last one.
    fn member(&self, object: usize, name: &[u8]) -> Option<usize> {
        self.tape.members(object).filter(|(key, _)| *self.string(*key) == *name).last().map(|(_, value)| value)
    }

    fn kind(&self, index: usize) -> Kind {
        self.tape.at(index).kind
    }

    fn raw(&self, index: usize) -> &[u8] {
        &self.text[self.tape.at(index).raw()]
    }

    fn string(&self, index: usize) -> Vec<u8> {
        let mut text = Vec::new();
        unescape_into(&self.text[self.tape.at(index).inner()], &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(text: &str) -> Option<String> {
        readable_call(text.as_bytes()).map(|call| String::from_utf8_lossy(&call).into_owned())
    }

    #[test]
    fn forms_of_calls_become_one() {
        for (text, expected) in [
            (
                r#"[{"id":"1","type":"function","function":{"name":"w","arguments":"{\"city\": \"北京\"}"}}]"#,
                r#"[{"name": "w", "arguments": {"city": "北京"}}]"#,
            ),
            (
                r#"[{"function":{"name":"a","arguments":" "}},{"function":{"name":"b"},"index":1,"why":[ 1]}]"#,
                r#"[{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}, "why": [ 1]}]"#,
            ),
            (r#"{"name":"w","arguments":"{}"}"#, r#"{"name": "w", "arguments": {}}"#),
            (r#"{"name":"w","arguments":"now\n"}"#, r#"{"name": "w", "arguments": "now\n"}"#),
            (r#"{"name":"w","parameters":{"a":1}}"#, r#"{"name": "w", "arguments": {"a":1}}"#),
            (
                r#"{"name":"w","arguments":null,"parameters":{"a":1}}"#,
                r#"{"name":"w","arguments":null,"parameters":{"a":1}}"#,
            ),
            (
                r#"{"function":{"name":"w","a":1},"arguments":"{\"b\":2}","parameters":3,"a":4}"#,
                r#"{"name": "w", "arguments": {"b":2}, "a": 1, "parameters": 3, "a": 4}"#,
            ),
            (
                r#"{"function":{"name":"x","name":"\u0077","n":2},"name":"outer"}"#,
                r#"{"name": "\u0077", "arguments": {}, "n": 2}"#,
            ),
        ] {
            assert_eq!(readable(text).as_deref(), Some(expected), "{text}");
            // What was written is not written again.
            let string = expected.contains(r#""arguments": ""#);
            assert!(string || matches!(readable_call(expected.as_bytes()), Some(Cow::Borrowed(_))), "{expected}");
        }
    }

    #[test]
    fn a_readable_call_keeps_its_bytes() {
        for text in [r#" {"name":"w","arguments":{"a": 1},"id":2}"#, "[{\"arguments\":[],\n\"name\":\"w\"}]"] {
            assert_eq!(readable(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_texts_are_no_calls() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["", "weather(北京)", "[]", "{}", "3", "[{\"f\": 1}]", r#"[{"name":"w"},{"name":1}]"#, "[", &deep]
        {
            assert_eq!(readable(text), None);
        }
    }
}
