//! Texts in one form: composition, width, Chinese script, control characters and trailing blanks.
//!
//! `scan` finds what may have to change, many bytes at a time; `steps` changes it; `simplified` turns Traditional
//! Chinese into Simplified; `rows` does all that for the rows of a batch, and `crate::read` for the line of a row.

mod rows;
mod scan;
mod simplified;
mod steps;

pub use rows::normalise_turns;
pub(crate) use rows::{RowNormaliser, is_normalised_role};

use std::ops::{BitOr, BitOrAssign};

use scan::Stable;

/// A Unicode normalisation form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// Characters stay composed or decomposed as they came.
    None,
    /// Form C: `é` is one character, however it was written.
    #[default]
    Nfc,
    /// Form KC: besides, a compatibility character is what it stands for: `①` is `1`, `㎏` is `kg`, `，` is `,`.
    Nfkc,
}

impl Form {
    /// The form of that name: `none`, `nfc` or `nfkc`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "nfc" => Some(Self::Nfc),
            "nfkc" => Some(Self::Nfkc),
            _ => None,
        }
    }
}

/// What is brought into one form. The steps run in the order of the fields, but for the form, which follows the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Unicode normalisation form.
    pub form: Form,
    /// Control characters and invisible format characters go, and every end of line is a line feed.
    ///
    /// What goes: C0 controls but tab and line feed, U+007F, and the format characters that only a page's display
    /// needed (U+200B, U+202A to U+202E, U+2060, U+206A to U+206F, U+FEFF, U+FFF9 to U+FFFB). Carriage return with or
    /// without line feed, vertical tab and form feed become a line feed. C1 controls stay: they are what is left of a
    /// broken encoding, which a rule must be able to see. Joiners (U+200C, U+200D), direction marks and isolates stay:
    /// emoji and several scripts are spelled with them.
    pub control_characters: bool,
    /// Full-width forms of ASCII (U+FF01 to U+FF5E, the ideographic space) are ASCII. Chinese commas are among them.
    pub width: bool,
    /// Traditional Chinese is Simplified Chinese, word by word where a character alone does not tell.
    pub simplified: bool,
    /// Blanks at the end of every line go, and blanks and line feeds at the end of the text.
    pub trailing_blanks: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { form: Form::Nfc, control_characters: true, width: false, simplified: false, trailing_blanks: true }
    }
}

/// What was changed, as a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Changes(pub u8);

impl Changes {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Characters were composed or put into canonical order.
    pub const COMPOSITION: Self = Self(1);
    /// Compatibility characters were replaced.
    pub const COMPATIBILITY: Self = Self(2);
    /// Full-width forms were replaced.
    pub const WIDTH: Self = Self(4);
    /// Traditional characters were replaced.
    pub const SIMPLIFIED: Self = Self(8);
    /// Control or format characters were removed or replaced.
    pub const CONTROL_CHARACTERS: Self = Self(16);
    /// Blanks at the end of lines or of the text were removed.
    pub const TRAILING_BLANKS: Self = Self(32);

    /// Names of the bits, from the lowest.
    pub const NAMES: [&str; 6] =
        ["composition", "compatibility", "width", "simplified", "control_characters", "trailing_blanks"];

    /// Whether nothing changed.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Changes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Changes {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Brings texts into one form. Doing it twice changes nothing more.
#[derive(Clone, Debug)]
pub struct Normalise {
    settings: Settings,
    stable: Stable,
}

impl Normalise {
    /// Makes the tables for these settings, which takes some milliseconds.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, stable: Stable::new(settings) }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Appends the normalised text to `out` and says what changed; of a text that does not change nothing is appended.
    ///
    /// The steps, in this order: control characters; width; the Unicode form; Simplified Chinese; trailing blanks. None
    /// makes work for one before it: width and removals come before composition, because they can put a letter beside
    /// its accent; no composed character is a control character or a full-width form; the Simplified characters are
    /// composed already; and blanks, some of which the forms bring about, go last. So doing it twice is doing it once.
    pub fn apply(&self, text: &str, out: &mut String) -> Changes {
        if self.leaves(text.as_bytes()) { Changes::NONE } else { steps::apply(self.settings, text, out) }
    }

    /// Whether a quick look proves that a text does not change; `false` proves nothing.
    fn leaves(&self, text: &[u8]) -> bool {
        !self.stable.may_change_end(text) && self.stable.next_suspect(text, 0).is_none()
    }
}

#[cfg(test)]
mod tests;
