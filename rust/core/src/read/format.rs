//! The shapes in which rows come.

/// The shape of the rows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `instruction`, `input`, `output`.
    Alpaca,
    /// The same, or `input` and `target`; prompts may hold `Human:` and `Assistant:` turns.
    Belle,
    /// `conversations`, a list of `from` and `value`.
    Sharegpt,
    /// `messages`, a list of `role` and `content`.
    Messages,
    /// `text`.
    Text,
    /// Each row by its own shape.
    Mixed,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [Self::Alpaca, Self::Belle, Self::Sharegpt, Self::Messages, Self::Text, Self::Mixed];

    /// The format's name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alpaca => "alpaca",
            Self::Belle => "belle",
            Self::Sharegpt => "sharegpt",
            Self::Messages => "messages",
            Self::Text => "text",
            Self::Mixed => "mixed",
        }
    }

    /// The format of this name, exactly as [`Format::name`] spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}
