//! Which tokens a model knows, and their numbers.

use std::collections::HashMap;

use super::{BEGIN, END, FIRST_TOKEN, LanguageModelError, UNKNOWN};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A character; a text is its characters.
    Characters = 0,
    /// A piece of a tokenizer, which is not part of the model; a text is the pieces' numbers.
    Pieces = 1,
    /// A word; a text is cut at white space, as other tools cut it.
    Words = 2,
}

impl Kind {
    /// The kind's name: `characters`, `pieces` or `words`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Pieces => "pieces",
            Self::Words => "words",
        }
    }

    pub(super) fn from_code(code: u32) -> Option<Self> {
        [Self::Characters, Self::Pieces, Self::Words].into_iter().find(|&kind| kind as u32 == code)
    }
}

/// The tokens of a model by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    kind: Kind,
    /// The tokens' names one after the other.
    names: String,
    /// Where each name begins, one entry more than names.
    starts: Vec<u32>,
    /// For each token its code point or the tokenizer's number of it; 0 for words.
    outside: Vec<u32>,
    /// From a code point, or the tokenizer's number, to the token.
    inside: Vec<u32>,
    words: HashMap<String, u32>,
}

/// The highest number that a tokenizer may give a piece, which bounds a table.
pub const MOST_OUTSIDE: u32 = 1 << 24;

impl Vocabulary {
    /// From the tokens after the first three, in order: each with its code point or number, and its name.
    ///
    /// # Errors
    /// [`LanguageModelError::Damaged`] for a token that comes twice, or is none of the kind.
    pub fn new<N: AsRef<str>>(
        kind: Kind,
        tokens: impl IntoIterator<Item = (u32, N)>,
    ) -> Result<Self, LanguageModelError> {
        let mut new = Self {
            kind,
            names: String::new(),
            starts: vec![0],
            outside: Vec::new(),
            inside: Vec::new(),
            words: HashMap::new(),
        };
        for name in ["<unk>", "<s>", "</s>"] {
            new.push(0, name)?;
        }
        for (outside, name) in tokens {
            let name = name.as_ref();
            let token = new.len() as u32;
            new.push(outside, name)?;
            let known = match kind {
                Kind::Words => new.words.insert(name.to_owned(), token).is_some(),
                Kind::Characters if char::from_u32(outside).is_none() => {
                    return Err(LanguageModelError::Damaged(format!("{outside} is no character")));
                }
                _ if outside >= MOST_OUTSIDE => {
                    return Err(LanguageModelError::Damaged(format!(
                        "a token has the number {outside}, which is too high"
                    )));
                }
                _ => {
                    let at = outside as usize;
                    if new.inside.len() <= at {
                        new.inside.resize(at + 1, UNKNOWN);
                    }
                    std::mem::replace(&mut new.inside[at], token) != UNKNOWN
                }
            };
            if known {
                return Err(LanguageModelError::Damaged(format!("the token {name:?} comes twice")));
            }
        }
        Ok(new)
    }

    fn push(&mut self, outside: u32, name: &str) -> Result<(), LanguageModelError> {
        self.names.push_str(name);
        self.starts.push(u32::try_from(self.names.len()).map_err(|_| LanguageModelError::TooMany("bytes of tokens"))?);
        self.outside.push(outside);
        Ok(())
    }

    /// What a token is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Number of tokens, `<unk>`, `<s>` and `</s>` among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outside.len()
    }

    /// Whether no text can have a known token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() <= FIRST_TOKEN as usize
    }

    /// The name of a token.
    #[must_use]
    pub fn name(&self, token: u32) -> &str {
        let at = token as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&start), Some(&end)) => &self.names[start as usize..end as usize],
            _ => "",
        }
    }

    /// All names, one after the other.
    pub(super) fn names(&self) -> &str {
        &self.names
    }

    /// Where each name begins, and where the last one ends.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// For each token its code point, or the tokenizer's number of it.
    #[must_use]
    pub fn outside(&self) -> &[u32] {
        &self.outside
    }

    /// The token with a code point, or with a tokenizer's number.
    #[inline]
    #[must_use]
    pub fn token(&self, outside: u32) -> u32 {
        self.inside.get(outside as usize).copied().unwrap_or(UNKNOWN)
    }

    /// The token of a word.
    #[must_use]
    pub fn word(&self, word: &str) -> u32 {
        self.words.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// Hands over the tokens of a text, with the byte at which each begins and ends.
    pub fn each_token(&self, text: &str, mut take: impl FnMut(u32, usize, usize)) {
        match self.kind {
            Kind::Words => {
                for word in text.split_ascii_whitespace() {
                    let start = word.as_ptr() as usize - text.as_ptr() as usize;
                    take(self.word(word), start, start + word.len());
                }
            }
            Kind::Characters | Kind::Pieces => {
                for (start, character) in text.char_indices() {
                    take(self.token(u32::from(character)), start, start + character.len_utf8());
                }
            }
        }
    }

    /// Whether a token can stand in a text.
    #[must_use]
    pub fn is_plain(token: u32) -> bool {
        token != BEGIN && token != END
    }
}

/// The vocabulary of texts: their characters, the most frequent first, then by code point.
pub fn of_characters(counts: &[(u32, u64)]) -> Result<Vocabulary, LanguageModelError> {
    let mut order = counts.to_vec();
    order.sort_unstable_by_key(|&(point, count)| (std::cmp::Reverse(count), point));
    let named = order.iter().filter_map(|&(point, _)| char::from_u32(point).map(|one| (point, String::from(one))));
    Vocabulary::new(Kind::Characters, named)
}
