//! Rows whose keys and speakers have names of their own, as a description of the data set gives them.

use std::borrow::Cow;
use std::ops::Range;

use simdutf8::basic;

use crate::json::{Kind, Tape, Token, scan, unescape_into, write_string};

/// A name in the data, and the one that it has in its format.
pub type Pairs = Vec<(String, String)>;

/// Which names stand for which.
///
/// A key that has no other meaning but the name that another one gets, gets `source_` before its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Keys of a row.
    pub keys: Pairs,
    /// The key, as the data has it, under which a row holds its list of turns.
    pub list: Option<String>,
    /// Keys of a turn.
    pub item_keys: Pairs,
    /// The key, as the data has it, under which a turn holds its speaker.
    pub speaker: Option<String>,
    /// Speakers, as values of that key.
    pub speakers: Pairs,
}

impl Names {
    /// Whether every name is the format's own, so that nothing is ever renamed.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        [&self.keys, &self.item_keys, &self.speakers].iter().all(|pairs| pairs.iter().all(|(own, name)| own == name))
    }

    /// The line with the names of its format; all other bytes are as they were. What is no object is left alone.
    #[must_use]
    pub fn rename<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let mut tape = Tape::new();
        if self.is_standard() || basic::from_utf8(line).is_err() || scan(line, &mut tape).is_err() {
            return Cow::Borrowed(line);
        }
        let mut edits = Vec::new();
        let list = self.list.as_deref().map(str::as_bytes);
        for (key, value) in tape.members(0) {
            rename_key(line, tape.at(key), &self.keys, &mut edits);
            if list.is_none() || text(line, tape.at(key)).as_deref() != list {
                continue;
            }
            for item in tape.items(value) {
                self.rename_turn(line, &tape, item, &mut edits);
            }
        }
        if edits.is_empty() {
            return Cow::Borrowed(line);
        }
        let mut renamed = Vec::with_capacity(line.len() + 64);
        let mut at = 0;
        for (place, name) in edits {
            renamed.extend_from_slice(&line[at..place.start]);
            write_string(&name, &mut renamed);
            at = place.end;
        }
        renamed.extend_from_slice(&line[at..]);
        Cow::Owned(renamed)
    }

    fn rename_turn(&self, line: &[u8], tape: &Tape, item: usize, edits: &mut Vec<Edit>) {
        let speaker = self.speaker.as_deref().map(str::as_bytes);
        for (key, value) in tape.members(item) {
            rename_key(line, tape.at(key), &self.item_keys, edits);
            if speaker.is_some()
                && text(line, tape.at(key)).as_deref() == speaker
                && let Some(said) = text(line, tape.at(value))
                && let Some((own, name)) = self.speakers.iter().find(|(own, _)| own.as_bytes() == &*said)
                && own != name
            {
                edits.push((tape.at(value).raw(), name.as_bytes().to_vec()));
            }
        }
    }
}

/// A place of the line and the string that is to stand there.
type Edit = (Range<usize>, Vec<u8>);

fn rename_key(line: &[u8], key: Token, pairs: &Pairs, edits: &mut Vec<Edit>) {
    let Some(old) = text(line, key) else { return };
    if let Some((own, name)) = pairs.iter().find(|(own, _)| own.as_bytes() == &*old) {
        if own != name {
            edits.push((key.raw(), name.as_bytes().to_vec()));
        }
    } else if pairs.iter().any(|(_, name)| name.as_bytes() == &*old) {
        edits.push((key.raw(), [b"source_", &*old].concat()));
    }
}

fn text(line: &[u8], token: Token) -> Option<Cow<'_, [u8]>> {
    match token.kind {
        Kind::Plain => Some(Cow::Borrowed(&line[token.inner()])),
        Kind::Escaped => {
            let mut text = Vec::new();
            unescape_into(&line[token.inner()], &mut text);
            Some(Cow::Owned(text))
        }
        _ => None,
    }
}

/// Renames line after line; see [`Names::rename`]. Blanks around lines and line ends stay.
#[must_use]
pub fn rename_lines(lines: &[u8], names: &Names) -> Vec<u8> {
    let mut renamed = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        renamed.extend_from_slice(&names.rename(line));
    }
    renamed
}
