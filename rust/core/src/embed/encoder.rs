//! Vectors of texts.

use rayon::prelude::*;

use super::ModelError;
use super::aligned::Aligned;
use super::convolution::{self, Convolution};
use super::head;
use super::instructions::InstructionSet;
use super::layout::FEATURES;
use super::table::{Number, Short, Table};
use super::unigram::{self, Unigram};
use super::weights::{Parameters, Weights};
use crate::progress::{Cancelled, Progress};

/// Numbers of a vector.
pub const DIMENSIONS: usize = super::layout::EMBEDDING;

/// Texts whose last layers are computed together.
const TEXTS: usize = 128;

/// How the second convolution and the last layers are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// In f32.
    Float32,
    /// In whole numbers of eight bits, with a scale for each token and channel.
    Int8,
}

impl Precision {
    /// The precision of a name: `float32` or `int8`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "float32" => Some(Self::Float32),
            "int8" => Some(Self::Int8),
            _ => None,
        }
    }
}

/// Memory that one thread uses from call to call.
#[derive(Default)]
pub struct Buffers {
    unigram: unigram::Scratch,
    precise: convolution::Scratch<f32>,
    short: convolution::Scratch<Short>,
    head: head::Scratch,
    tokens: Vec<u32>,
    bounds: Vec<usize>,
    lens: Vec<u32>,
    sums: Aligned<f32>,
}

/// The multilingual Universal Sentence Encoder.
///
/// A text has as many tokens as pieces, and one before and one after them; nothing is cut off, however long it is. A
/// text without a character that counts (empty, or spaces only) has the vector of one unknown piece.
pub struct Encoder {
    unigram: Unigram,
    parameters: Parameters,
    /// For vectors in f32.
    precise: Table<f32>,
    /// For vectors in whole numbers.
    short: Table<Short>,
}

impl Encoder {
    /// Memory for what depends on a piece alone, half of it for each precision: enough for 40,000 pieces in whole
    /// numbers, four times those of 50,000 short prompts, and for 20,000 in f32.
    pub const TABLE_BYTES: usize = 512 << 20;

    /// From the bytes of a sentencepiece model and the arrays of the weights.
    ///
    /// Up to `table_bytes` of what depends on a piece alone is kept; the vectors do not depend on it.
    ///
    /// # Errors
    /// [`ModelError`] for what is no model, and for arrays that are missing or have another type or shape.
    pub fn new(sp_model: &[u8], weights: &Weights, table_bytes: usize) -> Result<Self, ModelError> {
        let unigram = Unigram::new(sp_model)?;
        let parameters = Parameters::new(weights)?;
        if unigram.len() > parameters.pieces() {
            return Err(crate::vocab::ModelError::Unsupported {
                rule: format!("it has {} pieces, the embedding only {}", unigram.len(), parameters.pieces()),
            }
            .into());
        }
        let precise = Table::new(unigram.len(), table_bytes / 2);
        let short = Table::new(unigram.len(), table_bytes / 2);
        Ok(Self { unigram, parameters, precise, short })
    }

    /// Appends a text's pieces to `ids`, with [`unigram::START`] before and [`unigram::END`] after them.
    pub fn pieces(&self, text: &str, buffers: &mut Buffers, ids: &mut Vec<u32>) {
        ids.push(unigram::START);
        self.unigram.encode(text, &mut buffers.unigram, ids);
        ids.push(unigram::END);
    }

    /// Sets `vectors`, `DIMENSIONS` numbers for each text, on the threads of the current pool.
    ///
    /// # Errors
    /// [`Cancelled`] when `progress` was asked to stop; its steps are texts.
    ///
    /// # Panics
    /// If `vectors` has another length.
    pub fn embed(
        &self,
        texts: &[&str],
        precision: Precision,
        progress: &Progress,
        vectors: &mut [f32],
    ) -> Result<(), Cancelled> {
        assert_eq!(vectors.len(), texts.len() * DIMENSIONS);
        let set = InstructionSet::current();
        progress.expect(texts.len() as u64);
        let groups = texts.par_chunks(TEXTS).zip(vectors.par_chunks_mut(TEXTS * DIMENSIONS));
        groups.try_for_each_init(Buffers::default, |buffers, (texts, vectors)| {
            self.group(set, texts, precision, progress, buffers, vectors)?;
            progress.advance(texts.len() as u64);
            Ok(())
        })
    }

    /// Sets `vector` to that of one text: the same bytes as [`Self::embed`] gives.
    ///
    /// # Panics
    /// If `vector` has not `DIMENSIONS` numbers.
    pub fn embed_one(&self, text: &str, precision: Precision, buffers: &mut Buffers, vector: &mut [f32]) {
        assert_eq!(vector.len(), DIMENSIONS);
        let never = Progress::default();
        let done = self.group(InstructionSet::current(), &[text], precision, &never, buffers, vector);
        debug_assert!(done.is_ok());
    }

    fn group(
        &self,
        set: InstructionSet,
        texts: &[&str],
        precision: Precision,
        progress: &Progress,
        buffers: &mut Buffers,
        vectors: &mut [f32],
    ) -> Result<(), Cancelled> {
        let mut tokens = std::mem::take(&mut buffers.tokens);
        tokens.clear();
        buffers.bounds.clear();
        buffers.bounds.push(0);
        buffers.lens.clear();
        for text in texts {
            let first = tokens.len();
            self.pieces(text, buffers, &mut tokens);
            buffers.bounds.push(tokens.len());
            buffers.lens.push((tokens.len() - first) as u32);
        }
        buffers.tokens = tokens;
        buffers.sums.resize(texts.len() * FEATURES);
        buffers.sums.fill(0.0);
        let Buffers { tokens, bounds, sums, .. } = buffers;
        let check = || progress.check();
        match precision {
            Precision::Float32 => {
                self.convolution(set, precision, &self.precise).run(tokens, bounds, &mut buffers.precise, sums, check)
            }
            Precision::Int8 => {
                self.convolution(set, precision, &self.short).run(tokens, bounds, &mut buffers.short, sums, check)
            }
        }?;
        let epsilon = self.parameters.epsilon;
        let head = &self.parameters.head;
        head.run(set, precision, epsilon, &mut buffers.sums, &buffers.lens, &mut buffers.head, vectors);
        Ok(())
    }

    fn convolution<'a, T: Number>(
        &'a self,
        set: InstructionSet,
        precision: Precision,
        table: &'a Table<T>,
    ) -> Convolution<'a, T> {
        Convolution { set, precision, parameters: &self.parameters, table }
    }
}
