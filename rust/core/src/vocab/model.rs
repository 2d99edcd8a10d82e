//! A sentencepiece model as it is stored: pieces, and the settings that change how a text is cut.

use super::ModelError;
use super::proto::{Fields, Value};

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Found in texts.
    Normal,
    /// Stands for what no other piece does.
    Unknown,
    /// Never in a text.
    Control,
    /// Found in texts before all others.
    UserDefined,
    /// Taken apart again wherever it is found.
    Unused,
    /// Stands for a byte of a character that has no piece.
    Byte,
}

/// A piece; its id is its place in the model.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub text: &'a str,
    pub score: f32,
    pub kind: Kind,
}

/// What a trained model is: the numbers that stand in it.
pub const UNIGRAM: u64 = 1;
pub const BPE: u64 = 2;

/// A model; texts are those of its bytes.
#[derive(Debug)]
pub struct Model<'a> {
    pub pieces: Vec<Piece<'a>>,
    /// How it was trained: [`UNIGRAM`], [`BPE`], 3 for words, 4 for characters.
    pub kind: u64,
    pub byte_fallback: bool,
    pub charsmap: &'a [u8],
    pub spaces: Spaces,
}

/// What becomes of white space in a text that is not empty.
#[derive(Clone, Copy, Debug)]
pub struct Spaces {
    /// One more is put before it.
    pub dummy_prefix: bool,
    /// The one that `dummy_prefix` adds comes behind instead.
    pub as_suffix: bool,
    /// Runs become one, and those at both ends go.
    pub remove_extra: bool,
    /// A space is written as U+2581.
    pub escape: bool,
}

impl<'a> Model<'a> {
    /// Reads the bytes of a model file, with the defaults that the library has for what is not there.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let spaces = Spaces { dummy_prefix: true, as_suffix: false, remove_extra: true, escape: true };
        let mut model = Self { pieces: Vec::new(), kind: UNIGRAM, byte_fallback: false, charsmap: &[], spaces };
        for field in Fields::new(bytes) {
            match field? {
                (1, Value::Bytes(piece)) => model.pieces.push(read_piece(piece)?),
                (2, Value::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Value::Bytes(normaliser)) => model.read_normaliser(normaliser)?,
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err(ModelError::Malformed { rule: "it has no pieces", byte: bytes.len() });
        }
        Ok(model)
    }

    fn read_trainer(&mut self, message: &'a [u8]) -> Result<(), ModelError> {
        for field in Fields::new(message) {
            match field? {
                (3, Value::Varint(kind @ 1..=4)) => self.kind = kind,
                (24, Value::Varint(suffix)) => self.spaces.as_suffix = suffix != 0,
                (35, Value::Varint(fallback)) => self.byte_fallback = fallback != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normaliser(&mut self, message: &'a [u8]) -> Result<(), ModelError> {
        for field in Fields::new(message) {
            match field? {
                (2, Value::Bytes(charsmap)) => self.charsmap = charsmap,
                (3, Value::Varint(on)) => self.spaces.dummy_prefix = on != 0,
                (4, Value::Varint(on)) => self.spaces.remove_extra = on != 0,
                (5, Value::Varint(on)) => self.spaces.escape = on != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

fn read_piece(message: &[u8]) -> Result<Piece<'_>, ModelError> {
    let mut piece = Piece { text: "", score: 0.0, kind: Kind::Normal };
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(bytes)) => {
                piece.text = std::str::from_utf8(bytes).map_err(|error| ModelError::Malformed {
                    rule: "a piece is not UTF-8",
                    byte: error.valid_up_to(),
                })?;
            }
            (2, Value::Fixed32(bytes)) => piece.score = f32::from_le_bytes(bytes),
            (3, Value::Varint(kind)) => {
                piece.kind = match kind {
                    1 => Kind::Normal,
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => Kind::Unused,
                    6 => Kind::Byte,
                    // The library keeps what it had before it met a number that it does not know.
                    _ => piece.kind,
                };
            }
            _ => {}
        }
    }
    Ok(piece)
}
