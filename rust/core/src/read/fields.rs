//! The top-level keys of a row that formats know.

use crate::json::{Kind, Tape, unescape_into};

/// A key that some format reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Key {
    Id,
    Instruction,
    Input,
    Output,
    Target,
    System,
    History,
    Conversations,
    Conversation,
    Messages,
    Text,
}

/// Number of keys in [`Key`].
const KEYS: usize = 11;

/// What a key's name says.
enum Meaning {
    Field(Key),
    Better,
    Worse,
    Other,
}

/// Sorted by length first: the comparison of one key costs a jump and one or two comparisons.
#[inline]
fn meaning(name: &[u8]) -> Meaning {
    let key = match name.len() {
        2 if name == b"id" => Key::Id,
        4 if name == b"text" => Key::Text,
        5 if name == b"input" => Key::Input,
        6 => match name {
            b"output" => Key::Output,
            b"target" => Key::Target,
            b"system" => Key::System,
            b"chosen" => return Meaning::Better,
            _ => return Meaning::Other,
        },
        7 if name == b"history" => Key::History,
        8 if name == b"messages" => Key::Messages,
        8 if name == b"rejected" => return Meaning::Worse,
        11 if name == b"instruction" => Key::Instruction,
        12 if name == b"conversation" => Key::Conversation,
        13 if name == b"conversations" => Key::Conversations,
        15 if name == b"chosen_response" => return Meaning::Better,
        15 if name == b"rejected_output" => return Meaning::Worse,
        16 if name == b"preferred_output" => return Meaning::Better,
        17 if name == b"rejected_response" => return Meaning::Worse,
        20 if name == b"non_preferred_output" => return Meaning::Worse,
        _ => return Meaning::Other,
    };
    Meaning::Field(key)
}

impl Key {
    /// The key that `name` spells, if a format knows it.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        match meaning(name) {
            Meaning::Field(key) => Some(key),
            _ => None,
        }
    }

    /// The key as it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Instruction => "instruction",
            Self::Input => "input",
            Self::Output => "output",
            Self::Target => "target",
            Self::System => "system",
            Self::History => "history",
            Self::Conversations => "conversations",
            Self::Conversation => "conversation",
            Self::Messages => "messages",
            Self::Text => "text",
        }
    }
}

/// Where the values of the known keys lie on the tape. Of a key that comes twice, the last one counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    /// Token of each key's value; 0, the object itself, for a key that is not there.
    values: [u32; KEYS],
    /// Whether an answer is marked as the better one.
    pub(super) better: bool,
    /// Whether an answer is marked as the worse one.
    pub(super) worse: bool,
}

impl Fields {
    /// Looks at every key of the object that the tape begins with.
    #[inline]
    pub(super) fn collect(line: &[u8], tape: &Tape) -> Self {
        let mut fields = Self::default();
        let tokens = tape.tokens();
        let end = tokens.len();
        let mut index = 1;
        while index + 1 < end {
            let key = tokens[index];
            let found = if key.kind == Kind::Plain {
                meaning(&line[key.inner()])
            } else {
                let mut name = Vec::new();
                unescape_into(&line[key.inner()], &mut name);
                meaning(&name)
            };
            match found {
                Meaning::Field(key) => fields.values[key as usize] = index as u32 + 1,
                Meaning::Better => fields.better = true,
                Meaning::Worse => fields.worse = true,
                Meaning::Other => {}
            }
            index = tokens[index + 1].next as usize;
        }
        fields
    }

    /// The token of the key's value, if the key is there.
    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<usize> {
        let index = self.values[key as usize] as usize;
        (index != 0).then_some(index)
    }
}
