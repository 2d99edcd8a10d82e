//! The encoder against a slow and obvious one, on models and texts that are drawn by chance.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::merges::NOTHING;
use super::model::{Kind, Piece};
use super::node::{DEEP, Node};
use super::pair_table::PairTable;
use super::trie::{DEPTH, Trie};
use super::words::letters;
use super::{BytePairEncoder, ModelError};
use crate::progress::Progress;

/// A model from which bytes are made.
#[derive(Clone, Debug, Default)]
struct Written {
    pieces: Vec<(String, f32, u8)>,
    byte_fallback: bool,
    dummy_prefix: bool,
    suffix: bool,
    remove_extra: bool,
    escape: bool,
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        message.push(len as u8 | 0x80);
        len >>= 7;
    }
    message.push(len as u8);
    message.extend_from_slice(bytes);
    message
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let mut model = Vec::new();
        for (text, score, kind) in &self.pieces {
            let mut piece = field(1, text.as_bytes());
            piece.push(2 << 3 | 5);
            piece.extend_from_slice(&score.to_le_bytes());
            piece.extend_from_slice(&[3 << 3, *kind]);
            model.extend(field(1, &piece));
        }
        // Field numbers above 15 take two bytes.
        let trainer = [3 << 3, 2, 0xc0, 0x01, u8::from(self.suffix), 0x98, 0x02, u8::from(self.byte_fallback)];
        model.extend(field(2, &trainer));
        let spaces = [self.dummy_prefix, self.remove_extra, self.escape].map(u8::from);
        let normaliser = [3 << 3, spaces[0], 4 << 3, spaces[1], 5 << 3, spaces[2]];
        model.extend(field(3, &normaliser));
        model
    }

    fn kind(&self, id: usize) -> u8 {
        self.pieces[id].2
    }

    /// Spaces as they become without a table of replacements.
    fn normalised(&self, text: &str) -> String {
        let mut rest = text;
        while self.remove_extra && rest.starts_with(' ') && self.defined(rest).is_none_or(|piece| piece == " ") {
            rest = &rest[1..];
        }
        if rest.is_empty() {
            return String::new();
        }
        let space = if self.escape { "▁" } else { " " };
        let dummy = if self.dummy_prefix { space } else { "" };
        let mut output = String::new();
        if !self.suffix {
            output.push_str(dummy);
        }
        let mut after_space = self.remove_extra;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let len = self.defined(rest).map_or(first.len_utf8(), str::len);
            let (part, later) = rest.split_at(len);
            rest = later;
            let part = if after_space { part.trim_start_matches(' ') } else { part };
            output.push_str(&part.replace(' ', space));
            if !part.is_empty() {
                after_space = self.remove_extra && part.ends_with(' ');
            }
        }
        while self.remove_extra && output.ends_with(space) {
            output.truncate(output.len() - space.len());
        }
        if self.suffix {
            output.push_str(dummy);
        }
        output
    }

    /// The longest user-defined piece at the start.
    fn defined(&self, rest: &str) -> Option<&str> {
        let defined = self.pieces.iter().filter(|piece| piece.2 == 4 && rest.starts_with(&piece.0));
        defined.map(|piece| &piece.0[..]).max_by_key(|text| text.len())
    }

    /// The ids of a text as the library finds them: all pairs are looked at again after each merge.
    fn encode(&self, text: &str) -> Vec<i32> {
        let text = self.normalised(text);
        let ids: HashMap<&str, usize> = self.pieces.iter().zip(0..).map(|(piece, id)| (&piece.0[..], id)).collect();
        let mut symbols: Vec<(&str, bool)> = Vec::new();
        let mut rest = &text[..];
        while let Some(first) = rest.chars().next() {
            let defined = self.defined(rest).map(str::len);
            let (symbol, later) = rest.split_at(defined.unwrap_or(first.len_utf8()));
            symbols.push((symbol, defined.is_some()));
            rest = later;
        }
        let start = |symbol: &str| symbol.as_ptr() as usize - text.as_ptr() as usize;
        let joined = |left: (&'_ str, bool), right: (&'_ str, bool)| {
            let both = text[start(left.0)..start(right.0) + right.0.len()].to_owned();
            let found = ids.get(&both[..]).copied()?;
            (!left.1 && !right.1 && [1, 4, 5].contains(&self.kind(found))).then_some((found, both))
        };
        let mut halves: HashMap<String, (String, String)> = HashMap::new();
        let note = |left: (&str, bool), right: (&str, bool), halves: &mut HashMap<_, _>| {
            if let Some((found, both)) = joined(left, right)
                && self.kind(found) == 5
            {
                halves.insert(both, (left.0.to_owned(), right.0.to_owned()));
            }
        };
        for pair in symbols.windows(2) {
            note(pair[0], pair[1], &mut halves);
        }
        loop {
            let best = (1..symbols.len())
                .filter_map(|at| Some((at - 1, joined(symbols[at - 1], symbols[at])?.0)))
                .max_by(|one, other| {
                    let score = |it: &(usize, usize)| self.pieces[it.1].1;
                    score(one).total_cmp(&score(other)).then(other.0.cmp(&one.0))
                });
            let Some((at, _)) = best else { break };
            let end = start(symbols[at + 1].0) + symbols[at + 1].0.len();
            symbols[at].0 = &text[start(symbols[at].0)..end];
            symbols.remove(at + 1);
            if at > 0 {
                note(symbols[at - 1], symbols[at], &mut halves);
            }
            if at + 1 < symbols.len() {
                note(symbols[at], symbols[at + 1], &mut halves);
            }
        }
        let mut output = Vec::new();
        for (symbol, _) in symbols {
            self.take_apart(symbol, &ids, &halves, &mut output);
        }
        output
    }

    fn take_apart(
        &self,
        symbol: &str,
        ids: &HashMap<&str, usize>,
        halves: &HashMap<String, (String, String)>,
        output: &mut Vec<i32>,
    ) {
        let unknown = self.pieces.iter().position(|piece| piece.2 == 2).unwrap() as i32;
        match ids.get(symbol).copied().filter(|&id| [1, 4, 5].contains(&self.kind(id))) {
            Some(id) if self.kind(id) != 5 => output.push(id as i32),
            Some(_) if halves.contains_key(symbol) => {
                let (left, right) = &halves[symbol];
                self.take_apart(left, ids, halves, output);
                self.take_apart(right, ids, halves, output);
            }
            _ if self.byte_fallback => {
                output.extend(symbol.bytes().map(|byte| ids[&format!("<0x{byte:02X}>")[..]] as i32));
            }
            _ if output.last() == Some(&unknown) => {}
            _ => output.push(unknown),
        }
    }
}

/// Models over a few characters with many ties; every kind of piece.
fn models() -> impl Strategy<Value = Written> {
    let character = prop::sample::select(vec!["a", "b", "c", "▁", " ", "中", "文", "é", "😀"]);
    let text = prop::collection::vec(character, 1..6).prop_map(|parts| parts.concat());
    let score = prop::sample::select(vec![0.0, -0.0, -1.0, -1.5, -2.0, -3.0, 1.0, -1e9, f32::NEG_INFINITY]);
    let kind = prop::sample::select(vec![1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 5]);
    let pieces = prop::collection::vec((text, score, kind), 0..40);
    (pieces, any::<[bool; 5]>(), 0..3_u8).prop_map(|(drawn, flags, special)| {
        let mut pieces = vec![("<unk>".to_owned(), 0.0, 2), ("<s>".to_owned(), 0.0, 3)];
        if flags[0] {
            pieces.extend((0..256).map(|byte| (format!("<0x{byte:02X}>"), 0.0, 6)));
        }
        for (text, score, kind) in drawn {
            // Most models have neither unused nor user-defined pieces.
            let kind = if special == 0 || (special == 1 && kind == 4) { 1 } else { kind };
            if pieces.iter().all(|piece| piece.0 != text) {
                pieces.push((text, score, kind));
            }
        }
        Written {
            pieces,
            byte_fallback: flags[0],
            dummy_prefix: flags[1],
            suffix: flags[2] && special == 2,
            remove_extra: flags[3],
            escape: flags[4] || special < 2,
        }
    })
}

/// Models whose pieces are long, begin with each other and overlap: over three characters, of up to 24.
fn models_of_long_pieces() -> impl Strategy<Value = Written> {
    let part = prop::sample::select(vec!["a", "中", "▁", "aa", "中中", "a中a", "中文"]);
    let text = prop::collection::vec(part, 1..13).prop_map(|parts| parts.concat());
    let score = prop::sample::select(vec![0.0, -1.0, -2.0, -3.0]);
    let grown = prop::sample::select(vec!["a", "中", "▁a", "a中", "中a"]);
    (prop::collection::vec((text, score), 0..30), grown, 0..25_usize).prop_map(|(drawn, grown, most)| {
        let mut pieces = vec![("<unk>".to_owned(), 0.0, 2)];
        // All beginnings of one text, so that long pieces can come about.
        let grown: String = grown.chars().cycle().take(most).collect();
        let beginnings = grown.char_indices().skip(1).map(|(end, character)| (end + character.len_utf8(), end));
        let beginnings = beginnings.map(|(end, rank)| (grown[..end].to_owned(), -(rank as f32)));
        for (text, score) in beginnings.chain(drawn) {
            if pieces.iter().all(|piece| piece.0 != text) {
                pieces.push((text, score, 1));
            }
        }
        Written { pieces, escape: true, ..Written::default() }
    })
}

fn texts_of_few() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "a", "中", "中", " ", "文", "x"]);
    let run = (part, 1..20_usize).prop_map(|(part, times)| part.repeat(times));
    prop::collection::vec(run, 0..40).prop_map(|runs| runs.concat())
}

fn texts() -> impl Strategy<Value = String> {
    let character =
        prop::sample::select(vec!["a", "a", "b", "b", "c", "▁", " ", "中", "中", "文", "é", "😀", "x", "\0"]);
    let run = (character, 1..4_usize).prop_map(|(character, times)| character.repeat(times));
    prop::collection::vec(run, 0..40).prop_map(|runs| runs.concat())
}

fn ids(encoder: &BytePairEncoder, text: &str) -> Vec<i32> {
    encoder.encode(&[text], &Progress::default()).unwrap().unwrap().ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn ids_are_those_of_the_reference(model in models(), texts in prop::collection::vec(texts(), 1..6)) {
        let encoder = BytePairEncoder::new(&model.bytes()).unwrap();
        let mut sums = vec![0; encoder.size()];
        let (mut counts, mut all) = (Vec::new(), Vec::new());
        for text in &texts {
            let expected = model.encode(text);
            prop_assert_eq!(&ids(&encoder, text), &expected, "{:?}", text);
            counts.push(expected.len() as u32);
            all.extend_from_slice(&expected);
            for id in expected {
                sums[id as usize] += 1;
            }
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let encoded = encoder.encode(&texts, &Progress::default()).unwrap().unwrap();
        prop_assert_eq!((encoded.ids, &encoded.counts), (all, &counts));
        prop_assert_eq!(&encoder.count(&texts, &Progress::default()).unwrap(), &counts);
        prop_assert_eq!(encoder.histogram(&texts, &Progress::default()).unwrap(), (counts, sums));
    }

    #[test]
    fn ids_of_long_pieces_are_those_of_the_reference(model in models_of_long_pieces(), text in texts_of_few()) {
        let encoder = BytePairEncoder::new(&model.bytes()).unwrap();
        prop_assert_eq!(ids(&encoder, &text), model.encode(&text), "{:?}", text);
    }

    /// The table of pieces, asked at every place, has exactly the pieces of at most its depth.
    #[test]
    fn a_trie_finds_all_pieces(
        pieces in prop::collection::btree_set(prop::collection::vec(3..7_u32, 2..20), 0..40),
        text in prop::collection::vec(3..7_u32, 2..40),
        room in prop::sample::select(vec![0, 5, 20, 40, 80, 1 << 20]),
    ) {
        let numbered: Vec<(&[u32], u32)> = pieces.iter().map(|it| &it[..]).zip(7..).collect();
        let Ok(trie) = Trie::with_room(numbered.clone(), room) else {
            prop_assert!(room < 1 << 20);
            return Ok(());
        };
        let character = |place: usize| trie.characters.get(&text[place]).copied().unwrap_or_default();
        for start in 0..text.len() - 1 {
            let mut node = trie.next(character(start), character(start + 1));
            let is_neighbour = pieces.iter().any(|piece| piece.windows(2).any(|pair| pair == &text[start..start + 2]));
            prop_assert_eq!(node != Node::NOTHING, is_neighbour);
            for end in start + 2..text.len() {
                let known = &text[start..end];
                let goes_on = pieces.iter().any(|piece| piece.len() > known.len() && piece.starts_with(known));
                if node.is_marked(DEEP) {
                    prop_assert!(goes_on && (known.len() == DEPTH || room < 1 << 20));
                    break;
                }
                prop_assert!(known.len() < DEPTH || !goes_on);
                let expected = numbered.iter().find(|piece| piece.0 == known).map_or(NOTHING, |piece| piece.1);
                prop_assert_eq!((node.is_piece(), node.token()), (expected != NOTHING, expected), "{:?}", known);
                prop_assert_eq!(node.goes_on(), goes_on);
                if !goes_on {
                    break;
                }
                node = trie.next(node, character(end));
            }
        }
    }

    #[test]
    fn letters_are_marked(bytes in prop::array::uniform16(prop::sample::select(b"@AZ[`az{ \x80\xe1mM".to_vec()))) {
        let expected = (0..16).filter(|&at| bytes[at].is_ascii_alphabetic()).fold(0, |mask, at| mask | 1_u16 << at);
        prop_assert_eq!(letters(&bytes), expected);
    }

    #[test]
    fn a_table_has_its_pairs_and_no_others(
        pairs in prop::collection::btree_map((0..60_u32, 0..60_u32), 1..1_u32 << 22, 0..400),
    ) {
        // Numbers far apart, and as large as they may be.
        let wide = |number: u32| number * ((1 << 21) / 60);
        let entries: Vec<_> = pairs.iter().map(|(&(left, right), &value)| (wide(left), wide(right), value)).collect();
        let table = PairTable::new(&entries);
        for left in 0..60 {
            for right in 0..60 {
                let expected = pairs.get(&(left, right)).copied().unwrap_or(NOTHING);
                prop_assert_eq!(table.get(wide(left), wide(right)), expected);
            }
        }
    }

    #[test]
    fn any_change_of_a_model_is_refused_or_encodes(
        model in models(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        text in texts(),
    ) {
        let mut bytes = model.bytes();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(encoder) = BytePairEncoder::new(&bytes) {
            prop_assert!(ids(&encoder, &text).iter().all(|&id| (id as usize) < encoder.size()));
        }
    }
}

/// A model of these pieces after an unknown one, without dummy prefix.
fn plain(pieces: &[(&str, f32)]) -> BytePairEncoder {
    let pieces = [("<unk>", 0.0, 2)].into_iter().chain(pieces.iter().map(|&(text, score)| (text, score, 1)));
    let pieces = pieces.map(|(text, score, kind)| (text.to_owned(), score, kind)).collect();
    BytePairEncoder::new(&Written { pieces, escape: true, ..Written::default() }.bytes()).unwrap()
}

#[test]
fn long_segments_are_merged_in_the_same_order() {
    let powers: Vec<(String, f32)> = (0..8_u8).map(|power| ("a".repeat(1 << power), -f32::from(power))).collect();
    let pieces: Vec<(&str, f32)> = powers.iter().map(|(text, score)| (&text[..], *score)).collect();
    let encoder = plain(&pieces);
    let many = ids(&encoder, &"a".repeat(1_000_003));
    assert_eq!(many.len(), 1_000_003 / 128 + 3);
    assert_eq!(&many[many.len() - 4..], &[8, 7, 2, 1]);
}

#[test]
fn results_do_not_depend_on_threads() {
    let encoder = plain(&[("a", 0.0), ("ab", -1.0), ("abc", -2.0), ("中文", -1.0), ("文", 0.0)]);
    let texts: Vec<String> = (0..40_000).map(|number| "abc中文 中ab".repeat(number % 23)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let progress = Progress::default();
    let [one, three] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let ids = encoder.encode(&texts, &progress).unwrap().unwrap();
            (ids, encoder.count(&texts, &progress).unwrap(), encoder.histogram(&texts, &progress).unwrap())
        })
    });
    assert_eq!(one, three);
    assert_eq!(one.0.counts, one.1);
}

#[test]
fn a_cancelled_text_ends_early() {
    let encoder = plain(&[("a", 0.0), ("aa", -1.0)]);
    let progress = Progress::default();
    progress.cancel();
    assert!(encoder.encode(&["a"], &progress).is_err());
    assert!(encoder.count(&["a"], &progress).is_err());
    assert!(encoder.histogram(&["a"], &progress).is_err());
}

#[test]
fn models_that_the_library_refuses_are_refused() {
    let refused = |pieces: &[(&str, u8)], byte_fallback: bool, message: &str| {
        let pieces = pieces.iter().map(|&(text, kind)| (text.to_owned(), 0.0, kind)).collect();
        let error = BytePairEncoder::new(&Written { pieces, byte_fallback, ..Written::default() }.bytes()).err();
        let text = error.unwrap().to_string();
        assert!(text.contains(message), "{text}");
    };
    refused(&[("a", 1)], false, "no unknown piece");
    refused(&[("<unk>", 2), ("<u>", 2)], false, "second unknown piece");
    refused(&[("<unk>", 2), ("a", 1), ("b", 1), ("a", 4)], false, "piece 3, \"a\", is there twice: it is piece 1 too");
    refused(&[("<unk>", 2), ("", 1)], false, "is empty");
    refused(&[("<unk>", 2), ("a\0", 1)], false, "null character");
    refused(&[("<unk>", 2), (&"a".repeat(8000), 1)], false, "too long");
    refused(&[("<unk>", 2), ("<0x00>", 6)], false, "byte_fallback is off");
    refused(&[("<unk>", 2), ("<0x00>", 6)], true, "255 of 256 bytes have no piece");
    refused(&[("<unk>", 2), ("<0xab>", 6)], true, "is no byte");
    refused(&[], false, "it has no pieces");
    let error = |bytes: &[u8]| BytePairEncoder::new(bytes).err();
    assert!(matches!(error(b"not a model"), Some(ModelError::Malformed { .. })));
    let unigram = error(&field(1, &field(1, b"<unk>"))).unwrap().to_string();
    assert!(unigram.contains("it is a unigram model (type 1), and must be BPE (type 2)"), "{unigram}");
}

#[test]
fn kinds_are_those_that_are_stored() {
    let model = Written { pieces: vec![("<unk>".to_owned(), -2.5, 2)], ..Written::default() }.bytes();
    let model = super::model::Model::read(&model).unwrap();
    assert!(matches!(model.pieces[..], [Piece { text: "<unk>", score: -2.5, kind: Kind::Unknown }]));
}
