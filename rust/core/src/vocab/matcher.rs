//! User-defined pieces, which are found in a text before anything else.

use std::collections::HashMap;

/// So many pieces of which each begins the next are looked at, as in the library.
const MOST_MATCHES: usize = 64;
const ROOT: u32 = 0;

/// A trie of pieces over characters.
#[derive(Debug, Default)]
pub struct Matcher {
    edges: HashMap<(u32, char), u32>,
    /// For each node the id of the piece that ends there.
    ids: Vec<Option<u32>>,
}

impl Matcher {
    /// From texts that are not empty, with their ids.
    pub fn new<'a>(pieces: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut matcher = Self { edges: HashMap::new(), ids: vec![None] };
        for (text, id) in pieces {
            let mut node = ROOT;
            for character in text.chars() {
                let next = matcher.ids.len() as u32;
                node = *matcher.edges.entry((node, character)).or_insert(next);
                if node == next {
                    matcher.ids.push(None);
                }
            }
            matcher.ids[node as usize] = Some(id);
        }
        matcher
    }

    /// Whether there are no pieces.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// The characters that pieces start with.
    pub fn starts(&self) -> impl Iterator<Item = char> + '_ {
        self.edges.keys().filter(|(node, _)| *node == ROOT).map(|&(_, character)| character)
    }

    /// The longest piece at the start of `text`: its length there in bytes, and its id.
    ///
    /// `written` says how a character of the text is written in pieces.
    pub fn longest(&self, text: &str, written: impl Fn(char) -> char) -> Option<(usize, u32)> {
        let (mut node, mut found, mut matches) = (ROOT, None, 0);
        for (start, character) in text.char_indices() {
            let Some(&next) = self.edges.get(&(node, written(character))) else { break };
            node = next;
            if let Some(id) = self.ids[node as usize] {
                found = Some((start + character.len_utf8(), id));
                matches += 1;
                if matches == MOST_MATCHES {
                    break;
                }
            }
        }
        found
    }

    /// Whether a piece starts at any character of `text`.
    pub fn any_in(&self, text: &str) -> bool {
        !self.is_empty() && text.char_indices().any(|(start, _)| self.longest(&text[start..], |it| it).is_some())
    }
}
