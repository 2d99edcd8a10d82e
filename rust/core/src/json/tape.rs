//! The tokens of one scanned line.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `{…}`; its keys and values follow it, in turn.
    Object,
    /// `[…]`; its items follow it.
    Array,
    /// A string without any escape: its bytes are its text.
    Plain,
    /// A string with at least one escape.
    Escaped,
    /// A number, kept as it was written.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
}

impl Kind {
    /// The kind in words, for messages: `an object`, `a string`, …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "a list",
            Self::Plain | Self::Escaped => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }

    /// Whether this is a string, with escapes or without.
    #[must_use]
    pub const fn is_string(self) -> bool {
        matches!(self, Self::Plain | Self::Escaped)
    }
}

/// One key or value of a line. Positions are bytes within the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// First byte: the bracket of a container, the byte after the opening quote of a string.
    pub start: u32,
    /// Byte after the last one: after the closing bracket, at the closing quote.
    pub end: u32,
    /// Index of the token after this value, past everything inside it.
    pub next: u32,
    /// What it is.
    pub kind: Kind,
}

impl Token {
    /// The bytes of a string between its quotes, or of any other value.
    #[must_use]
    pub const fn inner(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes of the value as it stands in the line, quotes and brackets included.
    #[must_use]
    pub const fn raw(&self) -> Range<usize> {
        match self.kind {
            Kind::Plain | Kind::Escaped => self.start as usize - 1..self.end as usize + 1,
            _ => self.start as usize..self.end as usize,
        }
    }
}

/// The tokens of one line, in the order of the text. Reused from line to line.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub(super) tokens: Vec<Token>,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub const fn new() -> Self {
        Self { tokens: Vec::new() }
    }

    /// All tokens; the first is the whole value. Empty before the first successful scan.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token at an index that the tape itself gave.
    #[must_use]
    #[inline]
    pub fn at(&self, index: usize) -> Token {
        self.tokens[index]
    }

    /// Keys and values of the object at `object`, as indexes. Empty for any other kind.
    #[inline]
    pub fn members(&self, object: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let (mut index, end) = self.inside(object, Kind::Object);
        std::iter::from_fn(move || {
            (index < end).then(|| {
                let member = (index, index + 1);
                index = self.tokens[index + 1].next as usize;
                member
            })
        })
    }

    /// Items of the list at `array`, as indexes. Empty for any other kind.
    #[inline]
    pub fn items(&self, array: usize) -> impl Iterator<Item = usize> + '_ {
        let (mut index, end) = self.inside(array, Kind::Array);
        std::iter::from_fn(move || {
            (index < end).then(|| {
                let item = index;
                index = self.tokens[index].next as usize;
                item
            })
        })
    }

    #[inline]
    fn inside(&self, container: usize, kind: Kind) -> (usize, usize) {
        match self.tokens.get(container) {
            Some(token) if token.kind == kind => (container + 1, token.next as usize),
            _ => (0, 0),
        }
    }
}
