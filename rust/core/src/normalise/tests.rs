use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::dispatch::{self, Level};

const NOTHING: Settings =
    Settings { form: Form::None, control_characters: false, width: false, simplified: false, trailing_blanks: false };

/// Character by character, with the library's conversions: slow and obvious.
fn reference(settings: Settings, text: &str) -> String {
    let mut text = text.to_owned();
    if settings.control_characters {
        text = text.replace("\r\n", "\n").replace(['\r', '\u{b}', '\u{c}'], "\n");
        text.retain(|character| match character {
            '\n' | '\t' => true,
            '\0'..=' ' => character == ' ',
            _ => !"\u{7f}\u{200b}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{206a}\u{206b}\u{206c}\u{206d}\u{206e}\u{206f}\u{feff}\u{fff9}\u{fffa}\u{fffb}".contains(character),
        });
    }
    if settings.width {
        let narrow = |character: char| match u32::from(character) {
            0x3000 => ' ',
            point @ 0xff01..=0xff5e => char::from_u32(point - 0xfee0).unwrap_or(character),
            _ => character,
        };
        text = text.chars().map(narrow).collect();
    }
    text = match settings.form {
        Form::None => text,
        Form::Nfc => text.nfc().collect(),
        Form::Nfkc => text.nfkc().collect(),
    };
    if settings.simplified {
        text = simplified::convert(&text).unwrap_or(text);
    }
    if settings.trailing_blanks {
        let blank =
            |character: char| character.is_whitespace() && !"\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}".contains(character);
        let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches(blank)).collect();
        text = lines.join("\n").trim_end_matches('\n').to_owned();
    }
    text
}

fn run(normalise: &Normalise, text: &str) -> (String, Changes) {
    let mut out = String::new();
    let changes = normalise.apply(text, &mut out);
    assert!(out.is_empty() || !changes.is_none(), "nothing is written for a text that stays");
    (if changes.is_none() { text.to_owned() } else { out }, changes)
}

fn settings() -> impl Strategy<Value = Settings> {
    let form = prop_oneof![Just(Form::None), Just(Form::Nfc), Just(Form::Nfkc)];
    (form, any::<[bool; 4]>()).prop_map(|(form, [control_characters, width, simplified, trailing_blanks])| Settings {
        form,
        control_characters,
        width,
        simplified,
        trailing_blanks,
    })
}

/// Pieces that the steps care about, between long and short stretches that they do not.
pub(super) fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[一-龥，。！？、：；（）“”…—]{0,30}",
        2 => "[a-zA-Z0-9 .,]{0,20}",
        2 => "[ \t\n\r\u{a0}\u{3000}\u{2003}\u{202f}\u{1680}]{0,4}",
        1 => "[\u{0}-\u{20}\u{7f}-\u{a0}\u{b}\u{c}\u{85}]{0,3}",
        2 => "[e\u{301}\u{300}\u{327}\u{338}o한글각\u{1100}\u{1161}\u{11a8}かﾞハ\u{309a}\u{3099}\u{fb01}①㎏Ω\u{2126}\u{212b}豈\u{2f800}]{0,6}",
        1 => "[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{fff9}-\u{fffd}]{0,3}",
        1 => "[Ａ-Ｚ０-９！，．～ａ\u{3000}]{0,5}",
        1 => "[乾隆年間燥頭發髮瞭解皇後於是麼麽徵昇薹薴苧]{0,6}",
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_reference_at_every_level(settings in settings(), text in texts()) {
        let normalise = Normalise::new(settings);
        let expected = reference(settings, &text);
        for level in Level::ALL.into_iter().filter(|&level| level <= dispatch::detected()) {
            assert_eq!(dispatch::force(Some(level)), Ok(()));
            let (found, changes) = run(&normalise, &text);
            assert_eq!(dispatch::force(None), Ok(()));
            prop_assert_eq!(&found, &expected, "{:?}", level);
            prop_assert_eq!(changes.is_none(), expected == text);
        }
    }

    #[test]
    fn twice_is_once(settings in settings(), text in texts()) {
        let normalise = Normalise::new(settings);
        let (once, _) = run(&normalise, &text);
        prop_assert_eq!(run(&normalise, &once), (once, Changes::NONE));
    }
}

#[test]
fn every_character_is_the_reference() {
    for settings in [
        Settings::default(),
        Settings { form: Form::Nfkc, width: true, simplified: true, ..Settings::default() },
        Settings { simplified: true, ..NOTHING },
    ] {
        let normalise = Normalise::new(settings);
        // What follows is private use, but for the tags.
        for character in ('\0'..='\u{323af}').chain('\u{e0000}'..='\u{e01ff}') {
            // Alone, and before an accent and an end of line behind the first block of bytes.
            for text in [format!("a{character}"), format!("{}{character}\u{301}{character}\n。", "中".repeat(21))] {
                let expected = reference(settings, &text);
                assert_eq!(run(&normalise, &text).0, expected, "{:?} {text:?}", u32::from(character));
            }
        }
    }
}

#[test]
fn what_stays() {
    let texts = [
        "",
        "好。",
        "写一首诗，题目是“春天”：\n\n　　春眠不觉晓，处处闻啼鸟……",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 👍🏽 ❤\u{fe0f} 🏴\u{e0067}\u{e0062}\u{e007f} 1\u{fe0f}\u{20e3}",
        "안녕하세요, 한국어 문장입니다.",
        "Tiếng Việt có dấu: được, những, Nguyễn.",
        "العربيَّة لغةٌ جميلة\u{200f}!",
        "हिन्दी में क्ष\u{200d}, فارسی می\u{200c}خواهم",
        "ガギグゲゴ パピプペポ ﾊﾝｶｸ",
        "def f(x):\n\tif x:\n\t\treturn 1\n\n\treturn 0",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "x² + y³ ≠ 10 ℃ → ½ ① ™",
        "ä½\u{a0}å¥½ \u{85}\u{9c}",
        "全角ＡＢＣ，１２３　空格",
        "line\u{2028}separator \u{ad}soft \u{2066}isolate\u{2069}",
    ];
    let normalise = Normalise::new(Settings::default());
    for text in texts {
        assert_eq!(run(&normalise, text), (text.to_owned(), Changes::NONE));
    }
}

#[test]
fn what_changes() {
    let on = |settings: Settings, text: &str| run(&Normalise::new(settings), text);
    let default = Settings::default();
    let cases = [
        (default, "a  \nb\t\n\n", "a\nb", Changes::TRAILING_BLANKS),
        (default, "一　\n二\u{a0}", "一\n二", Changes::TRAILING_BLANKS),
        (default, " \n ", "", Changes::TRAILING_BLANKS),
        (default, "a\r\nb\rc\u{c}d", "a\nb\nc\nd", Changes::CONTROL_CHARACTERS),
        (default, "\u{feff}a\u{200b}b\u{0}c\u{7f}", "abc", Changes::CONTROL_CHARACTERS),
        (default, "e\u{200b}\u{301}", "é", Changes::CONTROL_CHARACTERS | Changes::COMPOSITION),
        (default, "\u{1112}\u{1161}\u{11ab}", "한", Changes::COMPOSITION),
        (Settings { form: Form::Nfkc, ..default }, "①㎏ﬁ", "1kgfi", Changes::COMPATIBILITY),
        (Settings { width: true, ..default }, "Ａ\u{301}，　", "Á,", Changes(1 | 4 | 32)),
        (Settings { simplified: true, ..default }, "乾隆年間", "乾隆年间", Changes::SIMPLIFIED),
        (NOTHING, "a \r\n\u{0} ", "a \r\n\u{0} ", Changes::NONE),
    ];
    for (settings, text, expected, changes) in cases {
        assert_eq!(on(settings, text), (expected.to_owned(), changes), "{text:?}");
    }
}
