//! What the scanner says about a line that is not JSON.

use std::fmt;

/// What stood at the byte of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The line ended.
    End,
    /// A character.
    Character(char),
    /// A byte that begins no UTF-8 character.
    Byte(u8),
}

impl Found {
    /// What stands at byte `at` of `line`.
    #[must_use]
    pub fn at(line: &[u8], at: usize) -> Self {
        let rest = line.get(at..).unwrap_or_default();
        let Some(&first) = rest.first() else { return Self::End };
        let longest = &rest[..rest.len().min(4)];
        let valid = match std::str::from_utf8(longest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&longest[..error.valid_up_to()]).unwrap_or_default(),
        };
        valid.chars().next().map_or(Self::Byte(first), Self::Character)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => formatter.write_str("the end"),
            Self::Character(character) if character.is_control() || *character == '\u{feff}' => {
                write!(formatter, "U+{:04X}", u32::from(*character))
            }
            Self::Character(character) => write!(formatter, "`{character}`"),
            Self::Byte(byte) => write!(formatter, "the byte 0x{byte:02X}"),
        }
    }
}

/// Which rule a line broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanErrorKind {
    /// The line is not JSON.
    Syntax,
    /// The line is JSON, but a string escapes half of a surrogate pair, which no text can hold.
    LoneSurrogate,
}

/// Why a line was not scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte}: found {found}, expected {expected}")]
pub struct ScanError {
    /// Byte within the line, from 0.
    pub byte: usize,
    /// What stood there.
    pub found: Found,
    /// What JSON allows there.
    pub expected: &'static str,
    /// Which rule was broken.
    pub kind: ScanErrorKind,
}
