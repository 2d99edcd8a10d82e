//! Texts in one form: as the libraries' conversions give it, once and for all, in a turn as in the line of a row.

use std::sync::OnceLock;

use belle_core::batch::{Batch, Role};
use belle_core::normalise::{Changes, Form, Normalise, Settings, normalise_turns};
use belle_core::read::{Format, LineRewriter, read_line};
use unicode_normalization::UnicodeNormalization;

use super::at_every_level;
use super::choices::Choices;
use super::lines::row_of;
use super::row_text::RowMaker;

const FORMS: [Form; 3] = [Form::Nfc, Form::Nfkc, Form::None];

/// Settings, then a text, or a row as `formats` makes it.
pub fn check(data: &[u8]) {
    static READY: [OnceLock<Normalise>; 48] = [const { OnceLock::new() }; 48];
    let mut choices = Choices::of(data);
    let number = choices.below(READY.len());
    let has = |bit: usize| ((number / 3) >> bit) & 1 == 1;
    let settings = Settings {
        form: FORMS[number % 3],
        control_characters: !has(0),
        width: has(1),
        simplified: has(2),
        trailing_blanks: !has(3),
    };
    let normalise = READY[number].get_or_init(|| Normalise::new(settings));
    let layout = choices.byte();
    if layout & 0x80 == 0 {
        check_text(&String::from_utf8_lossy(choices.rest()), normalise);
        return;
    }
    let format = choices.one_of(&Format::ALL);
    let shape = choices.part(usize::from(layout % 32));
    let line = RowMaker { shape, text: choices, spaced: layout & 0x40 != 0 }.row();
    check_line(line.as_bytes(), format, normalise);
}

/// The normalised text, and what changed.
fn run(normalise: &Normalise, text: &str) -> (String, Changes) {
    let mut out = String::new();
    let changes = normalise.apply(text, &mut out);
    assert!(out.is_empty() || !changes.is_none(), "something is written for a text that stays");
    (if changes.is_none() { text.to_owned() } else { out }, changes)
}

fn check_text(text: &str, normalise: &Normalise) {
    let (once, changes) = at_every_level(|| run(normalise, text));
    assert_eq!(changes.is_none(), once == text, "{text:?} to {once:?}");
    assert_eq!(run(normalise, &once), (once.clone(), Changes::NONE), "{text:?} twice");
    if !normalise.settings().simplified {
        assert_eq!(once, slow(text, normalise.settings()), "{text:?}");
    }
    // The same inside a longer text, as far as the steps do not look beyond a line.
    let framed = format!("前\n{text}\n后");
    let (framed, _) = run(normalise, &framed);
    assert!(framed.starts_with("前\n") && framed.ends_with("\n后"), "{framed:?}");
}

/// Step by step, without simplification.
fn slow(text: &str, settings: Settings) -> String {
    const FORMAT: &str = "\u{7f}\u{200b}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{206a}\u{206b}\u{206c}\u{206d}\
                          \u{206e}\u{206f}\u{feff}\u{fff9}\u{fffa}\u{fffb}";
    let mut text = text.to_owned();
    if settings.control_characters {
        text = text.replace("\r\n", "\n").replace(['\r', '\u{b}', '\u{c}'], "\n");
        text.retain(|character| "\t\n".contains(character) || character >= ' ' && !FORMAT.contains(character));
    }
    if settings.width {
        let narrow = |character: char| match u32::from(character) {
            0x3000 => ' ',
            point @ 0xff01..=0xff5e => char::from_u32(point - 0xfee0).unwrap(),
            _ => character,
        };
        text = text.chars().map(narrow).collect();
    }
    text = match settings.form {
        Form::None => text,
        Form::Nfc => text.nfc().collect(),
        Form::Nfkc => text.nfkc().collect(),
    };
    if settings.trailing_blanks {
        let ends_line = "\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}";
        let blank = |character: char| character.is_whitespace() && !ends_line.contains(character);
        let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches(blank)).collect();
        lines.join("\n").trim_end_matches('\n').clone_into(&mut text);
    }
    text
}

fn check_line(line: &[u8], format: Format, form: &Normalise) {
    let (mut batch, mut out) = (Batch::default(), b"before".to_vec());
    if read_line(line, format, &mut batch).is_err() {
        return;
    }
    let mut lines = LineRewriter::new(format);
    let rewritten = lines.rewrite(line, form, &mut out).unwrap();
    let out = out.strip_prefix(b"before").unwrap();
    assert!(rewritten || out == line);
    let (normalised, changes) = normalise_turns(form, batch.view());
    let before = row_of(&batch, 0);
    let after: Vec<_> = normalised.view().of(0).map(|(role, text)| (role, text.to_vec())).collect();
    let shown = || format!("{}: {} to {}", format.name(), String::from_utf8_lossy(line), String::from_utf8_lossy(out));
    assert_eq!(changes[0] != 0, before.1 != after, "{}", shown());
    assert!(before.1.iter().zip(&after).all(|(a, b)| a == b || a.0 != Role::FunctionCall as i8), "{}", shown());
    // A text that became empty may be no turn any more, and a prompt may be cut in other places.
    let emptied = before.1.iter().zip(&after).any(|(before, after)| before.1 != after.1 && after.1.is_empty());
    if emptied || matches!(format, Format::Belle | Format::Mixed) {
        return;
    }
    batch.clear();
    read_line(out, format, &mut batch).unwrap_or_else(|error| panic!("{}: {error}", shown()));
    assert_eq!(row_of(&batch, 0), (before.0, after, before.2), "{}", shown());
}
