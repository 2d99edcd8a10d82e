//! The steps, one after the other, for a text that may have to change.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use super::scan::is_blank;
use super::{Changes, Form, Settings, simplified};

/// What becomes of a character for being a control or format character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Stays,
    /// It ends a line and becomes a line feed.
    LineFeed,
    Goes,
}

/// What the step of control characters does with a character, see [`Settings::control_characters`].
pub(super) fn controls(character: char) -> Control {
    match character {
        '\t' | '\n' => Control::Stays,
        '\r' | '\u{b}' | '\u{c}' => Control::LineFeed,
        '\0'..='\u{1f}'
        | '\u{7f}'
        | '\u{200b}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => Control::Goes,
        _ => Control::Stays,
    }
}

/// The ASCII form of a full-width character, any other character itself.
pub(super) fn half_width(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        // The two blocks lie in the same order.
        '\u{ff01}'..='\u{ff5e}' => char::from((u32::from(character) - 0xff01) as u8 + b'!'),
        other => other,
    }
}

/// Runs every step that is on. What comes out different is appended to `out`.
pub(super) fn apply(settings: Settings, text: &str, out: &mut String) -> Changes {
    let mut changes = Changes::NONE;
    let mut current = Cow::Borrowed(text);
    let mut take = |current: &mut Cow<str>, next: Option<String>, change: Changes| {
        if let Some(next) = next.filter(|next| *next != **current) {
            *current = Cow::Owned(next);
            changes |= change;
        }
    };
    if settings.control_characters {
        let next = without_controls(&current);
        take(&mut current, next, Changes::CONTROL_CHARACTERS);
    }
    if settings.width && current.chars().any(|character| half_width(character) != character) {
        let next = current.chars().map(half_width).collect();
        take(&mut current, Some(next), Changes::WIDTH);
    }
    if settings.form != Form::None && is_nfc_quick(current.chars()) != IsNormalized::Yes {
        let next = current.nfc().collect();
        take(&mut current, Some(next), Changes::COMPOSITION);
    }
    if settings.form == Form::Nfkc && is_nfkc_quick(current.chars()) != IsNormalized::Yes {
        let next = current.nfkc().collect();
        take(&mut current, Some(next), Changes::COMPATIBILITY);
    }
    if settings.simplified {
        let next = simplified::convert(&current);
        take(&mut current, next, Changes::SIMPLIFIED);
    }
    if settings.trailing_blanks {
        let next = without_trailing_blanks(&current);
        take(&mut current, Some(next), Changes::TRAILING_BLANKS);
    }
    if !changes.is_none() {
        out.push_str(&current);
    }
    changes
}

/// The text without control characters; nothing if it has none.
fn without_controls(text: &str) -> Option<String> {
    if text.chars().all(|character| controls(character) == Control::Stays) {
        return None;
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match controls(character) {
            Control::Stays => clean.push(character),
            // The pair is one end of line, whose line feed follows.
            Control::LineFeed if character == '\r' && characters.peek() == Some(&'\n') => {}
            Control::LineFeed => clean.push('\n'),
            Control::Goes => {}
        }
    }
    Some(clean)
}

fn without_trailing_blanks(text: &str) -> String {
    let blank = |character: char| is_blank(character.into());
    let text = text.trim_end_matches(|character| character == '\n' || blank(character));
    let mut clean = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                clean.push_str(line.trim_end_matches(blank));
                clean.push('\n');
            }
            None => clean.push_str(line),
        }
    }
    clean
}
