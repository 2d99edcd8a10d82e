//! Language models from bytes that somebody made up: an ARPA file, or an image whose checksums are right.

use std::sync::OnceLock;

use belle_core::language_model::{LanguageModel, LanguageModelError, Parameters, arpa, score_texts, train};
use belle_core::progress::Progress;
use xxhash_rust::xxh3::xxh3_64;

use super::choices::Choices;

/// Where an image's header keeps the hash of its checksums, and where that of itself.
const SUMS: std::ops::Range<usize> = 48..56;
const HEADER: usize = 256;
/// Bytes under one checksum: the images here have one, which takes a line.
const CHECKSUMS: std::ops::Range<usize> = HEADER..HEADER + 8;
const CONTENT: usize = HEADER + 64;

const ASKED: [&str; 5] = ["", "你好吗", "我好\n你好", "ab ba", "\u{0}\u{10ffff}好好好好好好好"];
const PIECES: [&str; 40] = [
    "\\data\\\n",
    "ngram 1=",
    "ngram 2=",
    "ngram 3=",
    "\\1-grams:\n",
    "\\2-grams:\n",
    "\\3-grams:\n",
    "\\end\\\n",
    "\n",
    "\t",
    " ",
    "<s>",
    "</s>",
    "<unk>",
    "你",
    "好",
    "a",
    "<U+0020>",
    "<U+110000>",
    "<U+",
    "-99",
    "-1.5",
    "0",
    "1",
    "2",
    "3",
    "4",
    "-0.25",
    "-inf",
    "nan",
    "1e400",
    "-1e-400",
    "18446744073709551615",
    "-",
    ".",
    "\r\n",
    "\u{feff}",
    "\u{3000}",
    "ngram 7=1\n",
    "-2\t你 好\t-0.1\n",
];

/// The image of a small model.
fn image() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let texts = ["你好吗", "我好", "abab", "你好你好好"];
        let parameters = Parameters { order: 3, memory: 1 << 30 };
        let mut estimated = train(&texts[..], parameters, &Progress::default()).unwrap();
        LanguageModel::of(&mut estimated, b"notes", &Progress::default()).unwrap().image().to_vec()
    })
}

/// The first byte decides what the others are: an ARPA file as it is, one made of pieces, or edits of an image.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    match choices.below(3) {
        0 => check_arpa(choices.rest()),
        1 => {
            let mut text = String::new();
            while !choices.is_empty() && text.len() < 4_000 {
                text.push_str(&choices.text(&PIECES, 200));
            }
            check_arpa(text.as_bytes());
        }
        _ => check_image(choices),
    }
}

/// A file that is read can be written, and what was written is read as the same model.
fn check_arpa(bytes: &[u8]) {
    let progress = Progress::default();
    let Ok(mut estimated) = arpa::read(bytes, &progress) else { return };
    let mut written = Vec::new();
    arpa::write(&estimated, &progress, &mut |part| {
        written.extend_from_slice(part);
        Ok(())
    })
    .unwrap();
    let model = LanguageModel::of(&mut estimated, b"", &progress).unwrap();
    let scores = asked(&model);
    let mut again = arpa::read(&written, &progress).unwrap_or_else(|error| {
        panic!("what was written is refused: {error}\n{}", String::from_utf8_lossy(&written));
    });
    let again = LanguageModel::of(&mut again, b"", &progress).unwrap();
    assert_eq!(again.vocabulary().len(), model.vocabulary().len());
    // Seven digits of a logarithm to the base 10 are written.
    for (one, other) in asked(&again).into_iter().zip(scores) {
        let near = (one - other).abs() <= 1e-3 + 1e-5 * one.abs();
        assert!(near || one.to_bits() == other.to_bits(), "{one} and {other}");
    }
}

/// An image with other bytes and right checksums is refused, or a model that can be asked.
fn check_image(mut choices: Choices) {
    let mut bytes = image().to_vec();
    for _ in 0..choices.below(6) {
        let place = usize::from(choices.byte()) | usize::from(choices.byte()) << 8;
        let at = if place & 1 == 0 { place / 2 % CONTENT } else { place / 2 % bytes.len() };
        bytes[at] = choices.byte();
    }
    if choices.below(4) == 0 {
        bytes.truncate(bytes.len() - choices.below(200));
    }
    if bytes.len() > CONTENT {
        let sum = xxh3_64(&bytes[CONTENT..]).to_le_bytes();
        bytes[CHECKSUMS].copy_from_slice(&sum);
        let sums = xxh3_64(&bytes[CHECKSUMS]).to_le_bytes();
        bytes[SUMS].copy_from_slice(&sums);
        let head = xxh3_64(&bytes[..HEADER - 8]).to_le_bytes();
        bytes[HEADER - 8..HEADER].copy_from_slice(&head);
    }
    match LanguageModel::open(Box::new(bytes)) {
        Ok(model) => {
            asked(&model);
        }
        Err(error) => assert!(matches!(error, LanguageModelError::Damaged(_)), "{error:?}"),
    }
}

/// The log-probabilities of a few texts; each is the sum of its tokens'.
fn asked(model: &LanguageModel) -> Vec<f64> {
    let Ok(scores) = score_texts(model, &ASKED, &Progress::default()) else {
        // Its tokens are pieces of a tokenizer.
        return Vec::new();
    };
    for (text, score) in ASKED.iter().zip(&scores) {
        let tokens = model.tokens(text).unwrap();
        assert_eq!(tokens.len(), score.tokens as usize);
        assert!(tokens.is_sorted_by_key(|token| (token.start, token.end)));
    }
    scores.iter().map(|score| score.log_probability).collect()
}
