//! Which keys rows have, found without reading every row.

use memchr::memmem::Finder;

use crate::json::{Kind, Tape, scan};

/// Looks for keys of rows in written lines.
pub struct KeySearch {
    keys: Vec<SearchedKey>,
    tape: Tape,
}

struct SearchedKey {
    name: String,
    finder: Finder<'static>,
    seen: bool,
}

impl KeySearch {
    /// For keys of rows, which must need no escape in JSON.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        let key = |name: &String| SearchedKey {
            name: name.clone(),
            finder: Finder::new(&format!("\"{name}\"")).into_owned(),
            seen: false,
        };
        Self { keys: names.iter().map(key).collect(), tape: Tape::new() }
    }

    /// Looks at whole lines. A key written with an escape is not found.
    pub fn look(&mut self, lines: &[u8]) {
        let Self { keys, tape } = self;
        for key in keys.iter_mut().filter(|key| !key.seen) {
            // The name also stands as a value, or deeper in the row: only a look at the row tells.
            let mut at = 0;
            while let Some(found) = key.finder.find(&lines[at..]).map(|found| at + found) {
                let start = memchr::memrchr(b'\n', &lines[..found]).map_or(0, |newline| newline + 1);
                let end = memchr::memchr(b'\n', &lines[found..]).map_or(lines.len(), |newline| found + newline);
                if has_key(&lines[start..end], &key.name, tape) {
                    key.seen = true;
                    break;
                }
                at = end;
            }
        }
    }

    /// The keys that some row has, in the order in which they were given.
    pub fn seen(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|key| key.seen).map(|key| key.name.as_str())
    }
}

fn has_key(line: &[u8], name: &str, tape: &mut Tape) -> bool {
    scan(line, tape).is_ok()
        && tape.at(0).kind == Kind::Object
        && tape.members(0).any(|(key, _)| line.get(tape.at(key).inner()) == Some(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_rows_count() {
        let names = ["system", "tools", "history"].map(String::from);
        let mut search = KeySearch::new(&names);
        search
            .look("{\"a\": \"system\", \"b\": {\"system\": 1}, \"c\": \"\\\"tools\\\": 1\"}\n[\"tools\"]\n".as_bytes());
        assert_eq!(search.seen().count(), 0);
        search.look(b"");
        search.look(b"{\"a\": 1}\n{\"history\" : []}\n{\"system\": \"x\"}");
        assert_eq!(search.seen().collect::<Vec<_>>(), ["system", "history"]);
    }
}
