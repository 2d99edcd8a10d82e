//! Ids of texts by a sentencepiece model of the kind BPE, those that the library gives.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use super::characters::Characters;
use super::matcher::Matcher;
use super::matches::Matches;
use super::memo::{Memo, Word};
use super::merges::{FIRST, Merges};
use super::model::{BPE, Kind, Model, Piece, Spaces};
use super::new_words::NewWord;
use super::node::{Node, STARTS_DEFINED, UNKNOWN};
use super::normaliser::{Normaliser, SPACE};
use super::queue::Queue;
use super::symbols::Symbols;
use super::trie::Trie;
use super::word_trie::WordTrie;
use super::words::{AHEAD, Neighbours};
use super::{ModelError, unsupported};

/// Bytes behind a text that can be read and are 0.
pub const MARGIN: usize = 64;
/// Bytes of a piece: the library refuses one that has so many.
const LONGEST_PIECE: usize = 8000;
/// Stands for the id of a piece that the model does not have.
const NO_ID: u32 = u32::MAX;

/// A sentencepiece model of the kind BPE.
///
/// A text is cut wherever no piece that can come about has the two neighbouring characters; this is exact, whatever the
/// scores and ties, for nothing is ever merged across such a place, and what is merged elsewhere does not depend on it.
pub struct BytePairEncoder {
    pub(super) size: usize,
    pub(super) spaces: Spaces,
    /// None where a text is its own normalised form, save for a space before or behind it.
    pub(super) normaliser: Option<Normaliser>,
    /// User-defined pieces as they are looked for before the text is normalised.
    pub(super) kept: Option<Matcher>,
    /// User-defined pieces as they are looked for in the normalised text.
    pub(super) defined: Matcher,
    pub(super) characters: Characters,
    pub(super) neighbours: Neighbours,
    pub(super) merges: Merges,
    pub(super) trie: Trie,
    /// None if there are no words.
    pub(super) words: Option<WordTrie>,
    /// The characters that are symbols, but no pieces.
    pub(super) others: Vec<char>,
    /// Ids of the bytes, if these stand for characters without a piece.
    pub(super) bytes: Option<Box<[u32; 256]>>,
    /// The piece that stands for characters without one.
    pub(super) unknown: u32,
    /// The ids of pieces that are taken apart again.
    pub(super) unused: HashSet<u32>,
    /// Pieces that are taken for what they are only where others were taken apart too often: the ids of all.
    pub(super) all_ids: HashMap<String, u32>,
    /// Memory of earlier texts.
    pub(super) scratch: Mutex<Vec<Scratch>>,
}

/// Memory for texts that are done one after the other, kept for later ones.
pub struct Scratch {
    /// The text with its spaces before and behind.
    pub(super) text: String,
    pub(super) memo: Memo,
    /// Words that are looked for.
    pub(super) ahead: Box<[(Word, usize); AHEAD]>,
    pub(super) matches: Box<Matches>,
    /// Words that stand in the place of characters, with their hashes.
    pub(super) words: Vec<(Word, usize)>,
    pub(super) new_word: Box<NewWord>,
    pub(super) queue: Queue,
    /// How many ids the last texts had of those they could have had at most.
    pub(super) share: Option<f64>,
}

impl Scratch {
    /// With a memory that knows the pieces that are words.
    pub(super) fn new(words: Option<&WordTrie>) -> Self {
        let pieces = words.into_iter().flat_map(|words| &words.pieces);
        Self {
            text: String::new(),
            memo: Memo::with(pieces.map(|&(word, symbol)| (word, symbol - FIRST))),
            ahead: Box::default(),
            matches: Box::default(),
            words: Vec::new(),
            new_word: Box::default(),
            queue: Queue::default(),
            share: None,
        }
    }
}

impl BytePairEncoder {
    /// From the bytes of a model file.
    ///
    /// # Errors
    /// [`ModelError`] for what is no model, for one of another kind, and for one that the library refuses too: pieces
    /// that are empty, too long, there twice or have a null character, no or two unknown pieces, bytes without a piece.
    pub fn new(model: &[u8]) -> Result<Self, ModelError> {
        let model = Model::read(model)?;
        let unknown = check(&model)?;
        let normaliser = Normaliser::new(model.charsmap)?;
        let spaces = model.spaces;
        let defined = |kept: fn(&Piece) -> bool| {
            let pieces = model.pieces.iter().zip(0..);
            Matcher::new(
                pieces
                    .filter(|(piece, _)| piece.kind == Kind::UserDefined && kept(piece))
                    .map(|(piece, id)| (piece.text, id)),
            )
        };
        let kept = Some(defined(|_| true)).filter(|kept| !kept.is_empty());
        // A space is written otherwise before these are looked for.
        let defined = if spaces.escape { defined(|piece| !piece.text.contains(' ')) } else { defined(|_| true) };
        let symbols = Symbols::new(&model, &defined)?;
        let changes = !normaliser.is_identity() || spaces.remove_extra;
        let bytes = model.byte_fallback.then(|| byte_ids(&model));
        let characters = table(&model, &symbols, &defined, bytes.as_deref());
        let all_ids = if symbols.unused.is_empty() {
            HashMap::new()
        } else {
            model.pieces.iter().zip(0..).map(|(piece, id)| (piece.text.to_owned(), id)).collect()
        };
        Ok(Self {
            size: model.pieces.len(),
            spaces,
            normaliser: changes.then_some(normaliser),
            kept,
            neighbours: Neighbours::new(&symbols, &characters, &defined, bytes.is_some()),
            defined,
            characters,
            merges: symbols.merges,
            trie: symbols.trie,
            others: symbols.others,
            bytes,
            unknown,
            unused: symbols.unused,
            all_ids,
            // The first texts do not wait for it.
            scratch: Mutex::new(vec![Scratch::new(symbols.words.as_ref())]),
            words: symbols.words,
        })
    }

    /// The number of pieces.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How a character of a normalised text is written in pieces.
    pub(super) fn written(&self, character: char) -> char {
        if self.spaces.escape && character == ' ' { SPACE } else { character }
    }
}

/// What the library checks; gives the id of the unknown piece.
fn check(model: &Model) -> Result<u32, ModelError> {
    if model.kind != BPE {
        let name = ["unigram", "BPE", "word", "character"].get(model.kind as usize - 1).unwrap_or(&"");
        return Err(unsupported(format!("it is a {name} model (type {}), and must be BPE (type 2)", model.kind)));
    }
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(model.pieces.len());
    let mut unknown = None;
    for (id, piece) in model.pieces.iter().enumerate() {
        let refuse = |rule: &str| Err(unsupported(format!("piece {id}, {:?}, {rule}", short(piece.text))));
        if piece.text.is_empty() {
            return refuse("is empty");
        }
        if piece.text.len() >= LONGEST_PIECE {
            return refuse("is too long: it must have less than 8,000 bytes");
        }
        if piece.text == "\0" && (model.byte_fallback || piece.kind == Kind::Unused) {
            continue;
        }
        if piece.text.contains('\0') {
            return refuse("has a null character");
        }
        if let Some(first) = seen.insert(piece.text, id) {
            return refuse(&format!("is there twice: it is piece {first} too"));
        }
        match piece.kind {
            Kind::Unknown if unknown.is_some() => return refuse("is a second unknown piece"),
            Kind::Unknown => unknown = Some(id as u32),
            Kind::Byte if !model.byte_fallback => return refuse("stands for a byte, but byte_fallback is off"),
            Kind::Byte if byte_of(piece.text).is_none() => return refuse("is no byte: they are <0x00> to <0xFF>"),
            _ => {}
        }
    }
    if model.byte_fallback {
        let bytes = model.pieces.iter().filter(|piece| piece.kind == Kind::Byte).count();
        if bytes != 256 {
            return Err(unsupported(format!("byte_fallback is on, but {} of 256 bytes have no piece", 256 - bytes)));
        }
    }
    match unknown {
        Some(unknown) => Ok(unknown),
        // Bytes stand for everything.
        None if model.byte_fallback => Ok(NO_ID),
        None => Err(unsupported("it has no unknown piece".into())),
    }
}

/// The start of a piece, for a message.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The byte of a piece such as `<0x0A>`.
fn byte_of(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let upper = digits.len() == 2 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    upper.then(|| u8::from_str_radix(digits, 16).ok())?
}

fn byte_ids(model: &Model) -> Box<[u32; 256]> {
    let mut ids = Box::new([NO_ID; 256]);
    for (id, piece) in model.pieces.iter().enumerate() {
        if let (Kind::Byte, Some(byte)) = (piece.kind, byte_of(piece.text)) {
            ids[usize::from(byte)] = id as u32;
        }
    }
    ids
}

fn table(model: &Model, symbols: &Symbols, defined: &Matcher, bytes: Option<&[u32; 256]>) -> Characters {
    let mut table = Characters::new();
    for &(character, node) in &symbols.characters {
        table.set(character, node);
    }
    for (symbol, piece) in (FIRST..).zip(&model.pieces) {
        let mut of_piece = piece.text.chars();
        if let (Kind::Normal, Some(only), None) = (piece.kind, of_piece.next(), of_piece.next())
            && table.get(u32::from(only)).is_alone()
        {
            table.set(only, Node::alone(symbol));
        }
    }
    for start in defined.starts() {
        table.set(start, table.get(u32::from(start)).marked(STARTS_DEFINED));
    }
    if model.spaces.escape {
        table.set(' ', table.get(u32::from(SPACE)));
    }
    for character in '\u{800}'..='\u{ffff}' {
        let node = table.get(character.into());
        if !node.is_alone() || node.is_marked(STARTS_DEFINED) {
            continue;
        }
        if !node.is_marked(UNKNOWN) {
            table.set_alone(character as usize, &[node.token() - FIRST]);
        } else if let Some(ids) = bytes {
            let spelled: Vec<u32> =
                character.encode_utf8(&mut [0; 4]).bytes().map(|byte| ids[usize::from(byte)]).collect();
            table.set_alone(character as usize, &spelled);
        }
    }
    table
}
