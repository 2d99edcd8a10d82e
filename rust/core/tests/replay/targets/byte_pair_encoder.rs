//! Ids by a model that somebody made up: the bytes of a file as they are, or pieces with scores and kinds.

use belle_core::progress::Progress;
use belle_core::vocab::BytePairEncoder;

use super::choices::Choices;

const PARTS: [&str; 12] = ["a", "b", "ab", "▁", " ", "中", "文", "中文", "é", "😀", "1", "\0"];
const SCORES: [f32; 6] = [0.0, -1.0, -1.0, -2.5, -1e9, f32::NAN];
/// Normal, unknown, control, user-defined, unused, byte, and a kind that there is not.
const KINDS: [u8; 9] = [1, 1, 1, 1, 5, 4, 3, 2, 9];

/// The first byte decides: a file as it is, or one made of pieces; what is refused has no ids.
pub fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    if choices.below(2) == 0 {
        let (model, text) = data[data.len().min(1)..].split_at(data.len().saturating_sub(1).min(400));
        encode(model, &String::from_utf8_lossy(text));
        return;
    }
    let flags = choices.byte();
    let mut model = message(1, &piece("<unk>", 0.0, 2));
    if flags & 1 != 0 {
        (0..256).for_each(|byte| model.extend(message(1, &piece(&format!("<0x{byte:02X}>"), 0.0, 6))));
    }
    for _ in 0..choices.below(40) {
        let text = choices.text(&PARTS, 6);
        let (score, kind) = (choices.one_of(&SCORES), choices.one_of(&KINDS));
        model.extend(message(1, &piece(&text, score, kind)));
    }
    let bit = |place: u8| flags >> place & 1;
    model.extend(message(2, &[3 << 3, 2, 0xc0, 0x01, bit(1), 0x98, 0x02, bit(0)]));
    model.extend(message(3, &[3 << 3, bit(2), 4 << 3, bit(3), 5 << 3, bit(4)]));
    let text = choices.text(&PARTS, 400);
    encode(&model, &text);
}

fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
    // Two bytes of length do for all that is made here.
    let len = bytes.len() as u16;
    [&[number << 3 | 2, len as u8 | 0x80, (len >> 7) as u8], bytes].concat()
}

fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
    [&message(1, text.as_bytes())[..], &[2 << 3 | 5], &score.to_le_bytes(), &[3 << 3, kind]].concat()
}

/// The three ways give the same, on one thread and on two, at every instruction set; text by text and together.
fn encode(model: &[u8], text: &str) {
    let Ok(encoder) = BytePairEncoder::new(model) else { return };
    let halves = text.split_at(text.floor_char_boundary(text.len() / 2));
    let texts = [text, halves.0, halves.1, "", text];
    let expected = super::at_every_level(|| {
        super::with_any_threads(|| encoder.encode(&texts, &Progress::default()).unwrap().unwrap())
    });
    let (counts, sums) = encoder.histogram(&texts, &Progress::default()).unwrap();
    assert_eq!(counts, expected.counts);
    assert_eq!(encoder.count(&texts, &Progress::default()).unwrap(), counts);
    assert_eq!(sums.iter().sum::<u64>(), expected.ids.len() as u64);
    let mut rest = &expected.ids[..];
    for (text, &count) in texts.iter().zip(&counts) {
        let (ids, later) = rest.split_at(count as usize);
        rest = later;
        assert!(ids.iter().all(|&id| (id as usize) < encoder.size()));
        assert_eq!(ids, encoder.encode(&[text], &Progress::default()).unwrap().unwrap().ids);
    }
    assert!(rest.is_empty());
}
