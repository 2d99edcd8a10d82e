//! A model as one image of bytes: little-endian numbers, every section at a multiple of 64.
//!
//! | Section | Content |
//! |---|---|
//! | header | 256 bytes, see [`Header`]; its last 8 are the XXH3 of the others |
//! | checksums | the XXH3 of every 4 MiB of what follows, `u64` |
//! | outside | `u32` for each token: code point, or the tokenizer's number |
//! | starts, names | `u32` for each name's first byte, and one more; the names' UTF-8 |
//! | notes | bytes that the maker of the model left |
//! | worth, back-off | `i32` for each unigram, in units of 2^-scale nats |
//! | tables | for each order from 2 on its buckets (see `table`), then, save for the last, 27 bytes of back-off weights for each bucket |

use std::ops::Range;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::table::{Bucket, SLOTS, buckets};
use super::vocabulary::{Kind, Vocabulary};
use super::{FIRST_TOKEN, LanguageModelError, MOST_ORDER};
use crate::memory::zeroed;

const MAGIC: [u8; 8] = *b"BELLE_LM";
const VERSION: u32 = 1;
const HEADER: usize = 256;
/// Bytes of content under one checksum.
const CHUNK: usize = 4 << 20;
const LINE: u64 = size_of::<Bucket>() as u64;
/// Bytes of back-off weights for each bucket.
pub(super) const BACKOFF: usize = 3 * SLOTS;

/// The numbers that tell how an image is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    /// Values are in units of 2^-scale nats.
    pub scale: u32,
    /// Seed of the hashes.
    pub seed: u64,
    /// N-grams of each order; as many as there are orders.
    pub ngrams: Vec<u64>,
    pub names: u64,
    pub notes: u64,
}

/// Where the sections of an image lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    checksums: Range<usize>,
    outside: Range<usize>,
    starts: Range<usize>,
    names: Range<usize>,
    notes: Range<usize>,
    pub worth: Range<usize>,
    pub backoff: Range<usize>,
    /// For each order from 2 on the table and its back-off weights.
    pub tables: Vec<[Range<usize>; 2]>,
    pub len: usize,
}

impl Header {
    /// The layout, or None if no memory could hold it.
    pub fn layout(&self) -> Option<Layout> {
        let vocabulary = *self.ngrams.first()?;
        let mut sections = vec![vocabulary.checked_mul(4)?, vocabulary.checked_add(1)?.checked_mul(4)?];
        sections.extend([self.names, self.notes, vocabulary.checked_mul(4)?, vocabulary.checked_mul(4)?]);
        for (order, &ngrams) in self.ngrams.iter().enumerate().skip(1) {
            let buckets = buckets(ngrams);
            sections.push(buckets.checked_mul(LINE)?);
            sections.push(if order + 1 < self.ngrams.len() { buckets.checked_mul(BACKOFF as u64)? } else { 0 });
        }
        let padded = |bytes: u64| bytes.checked_next_multiple_of(LINE);
        let mut content = 0_u64;
        for &bytes in &sections {
            content = content.checked_add(padded(bytes)?)?;
        }
        let checksums = content.div_ceil(CHUNK as u64).checked_mul(8)?;
        let mut at = HEADER as u64;
        let mut place = |bytes: u64| {
            let range = usize::try_from(at).ok()?..usize::try_from(at.checked_add(bytes)?).ok()?;
            at = at.checked_add(padded(bytes)?)?;
            Some(range)
        };
        let checksums = place(checksums)?;
        let mut ranges = sections.into_iter().map(place).collect::<Option<Vec<_>>>()?.into_iter();
        let mut next = || ranges.next();
        let (outside, starts, names, notes) = (next()?, next()?, next()?, next()?);
        let (worth, backoff) = (next()?, next()?);
        let mut tables = Vec::new();
        while let (Some(table), Some(weights)) = (next(), next()) {
            tables.push([table, weights]);
        }
        let len = usize::try_from(at).ok()?;
        Some(Layout { checksums, outside, starts, names, notes, worth, backoff, tables, len })
    }

    fn write(&self, checksums: &[u8]) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut at = 0;
        let mut put = |value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
            at += value.len();
        };
        put(&MAGIC);
        for number in [VERSION, self.ngrams.len() as u32, self.kind as u32, self.scale] {
            put(&number.to_le_bytes());
        }
        for number in [self.seed, self.names, self.notes, xxh3_64(checksums)] {
            put(&number.to_le_bytes());
        }
        for ngrams in &self.ngrams {
            put(&ngrams.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[..HEADER - 8]);
        bytes[HEADER - 8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header and the checksum of the checksums.
    fn read(bytes: &[u8]) -> Result<(Self, u64), LanguageModelError> {
        let damaged = |what: &str| Err(LanguageModelError::Damaged(what.to_owned()));
        if !bytes.starts_with(&MAGIC) {
            return damaged("the file is no language model of this program: it does not begin as one");
        }
        let Some(header) = bytes.get(..HEADER) else { return damaged("the language model breaks off in its header") };
        let small = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
        let large = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
        let version = small(8);
        if version != VERSION {
            return Err(LanguageModelError::Damaged(format!(
                "the language model has the version {version}, and this program reads {VERSION}"
            )));
        }
        if large(HEADER - 8) != xxh3_64(&header[..HEADER - 8]) {
            return damaged("the header of the language model is damaged: its checksum is another");
        }
        let orders = small(12) as usize;
        let (Some(kind), 1..=MOST_ORDER, 0..=30) = (Kind::from_code(small(16)), orders, small(20)) else {
            return damaged("the header of the language model makes no sense");
        };
        let ngrams = (0..orders).map(|order| large(56 + 8 * order)).collect();
        Ok((Self { kind, scale: small(20), seed: large(24), ngrams, names: large(32), notes: large(40) }, large(48)))
    }
}

/// Memory that begins at a cache line, in huge pages where there are such.
struct Lines {
    words: Vec<u64>,
    bytes: usize,
}

impl Lines {
    fn new(bytes: usize) -> Self {
        // The allocation begins anywhere; a line more leaves room for the first whole one.
        Self { words: zeroed(bytes / 8 + 16), bytes }
    }

    fn lines(&mut self) -> &mut [Bucket] {
        // SAFETY: a bucket is made of bytes and numbers, without padding: any bytes are one.
        &mut unsafe { self.words.align_to_mut::<Bucket>() }.1[..self.bytes / size_of::<Bucket>()]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.bytes;
        // SAFETY: as above, and any bytes are bytes.
        &mut unsafe { self.lines().align_to_mut::<u8>() }.1[..bytes]
    }
}

impl AsRef<[u8]> for Lines {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: a bucket is made of bytes and numbers, without padding.
        let lines = unsafe { self.words.align_to::<Bucket>() }.1;
        // SAFETY: as above, and any bytes are bytes.
        &unsafe { lines.align_to::<u8>() }.1[..self.bytes]
    }
}

/// The bytes of a model, wherever they lie.
pub type Image = Box<dyn AsRef<[u8]> + Send + Sync>;

/// A model that can be asked.
pub struct LanguageModel {
    image: Image,
    header: Header,
    layout: Layout,
    vocabulary: Vocabulary,
    /// `i32` for each unigram, from the image.
    worth: Vec<i32>,
    backoff: Vec<i32>,
}

/// What a model is.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// What a token is.
    pub kind: Kind,
    /// N-grams of each order, from unigrams on; the first is the size of the vocabulary.
    pub ngrams: Vec<u64>,
    /// Bytes of the image.
    pub bytes: u64,
    /// Bytes that the maker of the model left.
    pub notes: Vec<u8>,
    /// Half a unit of the values, in nats: what rounding can take from each.
    pub rounding: f64,
}

/// An image that is being made.
pub(super) struct Draft {
    lines: Lines,
    pub header: Header,
    pub layout: Layout,
}

impl Draft {
    /// Everything but the tables, which are empty.
    pub fn new(
        header: Header,
        vocabulary: &Vocabulary,
        notes: &[u8],
        unigrams: [&[i32]; 2],
    ) -> Result<Self, LanguageModelError> {
        let layout = header.layout().ok_or(LanguageModelError::TooMany("n-grams"))?;
        let mut lines = Lines::new(layout.len);
        let bytes = lines.bytes_mut();
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        bytes[layout.outside.clone()].copy_from_slice(&numbers(vocabulary.outside()));
        bytes[layout.starts.clone()].copy_from_slice(&numbers(vocabulary.starts()));
        bytes[layout.names.clone()].copy_from_slice(vocabulary.names().as_bytes());
        bytes[layout.notes.clone()].copy_from_slice(notes);
        for (range, values) in [&layout.worth, &layout.backoff].into_iter().zip(unigrams) {
            let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes[range.clone()].copy_from_slice(&values);
        }
        Ok(Self { lines, header, layout })
    }

    /// Each table with its back-off weights, to be filled.
    pub fn tables(&mut self) -> Vec<(&mut [Bucket], &mut [u8])> {
        let mut rest = self.lines.lines();
        let mut at = 0;
        let mut take = |range: &Range<usize>| {
            let (start, end) = (range.start / 64, range.end.div_ceil(64));
            let (_, after) = std::mem::take(&mut rest).split_at_mut(start - at);
            let (part, after) = after.split_at_mut(end - start);
            (rest, at) = (after, end);
            part
        };
        let tables = self.layout.tables.iter().map(|[table, weights]| {
            let table = take(table);
            let lines = take(weights);
            // SAFETY: a bucket is made of bytes and numbers, without padding, and any bytes are bytes.
            let bytes = unsafe { lines.align_to_mut::<u8>() }.1;
            (table, &mut bytes[..weights.len()])
        });
        tables.collect()
    }

    /// The model, with its checksums.
    pub fn finish(mut self) -> Result<LanguageModel, LanguageModelError> {
        let content = self.layout.outside.start;
        let range = self.layout.checksums.clone();
        let bytes = self.lines.bytes_mut();
        let sums: Vec<u8> = bytes[content..]
            .par_chunks(CHUNK)
            .map(xxh3_64)
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .collect();
        bytes[range].copy_from_slice(&sums);
        bytes[..HEADER].copy_from_slice(&self.header.write(&sums));
        LanguageModel::assembled(Box::new(self.lines), self.header, self.layout)
    }
}

impl LanguageModel {
    /// The model in an image. What does not lie at a multiple of 64 is copied.
    ///
    /// # Errors
    /// [`LanguageModelError::Damaged`], if the bytes are no model, one of another version, or not what was written.
    pub fn open(image: Image) -> Result<Self, LanguageModelError> {
        let bytes = (*image).as_ref();
        let (header, sums) = Header::read(bytes)?;
        let damaged = |what: String| Err(LanguageModelError::Damaged(what));
        let Some(layout) = header.layout() else {
            return damaged("the header of the language model makes no sense".to_owned());
        };
        if layout.len != bytes.len() {
            let (is, wanted) = (bytes.len(), layout.len);
            return damaged(format!("the language model has {is} bytes and should have {wanted}"));
        }
        let written = &bytes[layout.checksums.clone()];
        if xxh3_64(written) != sums {
            return damaged("the checksums of the language model are damaged".to_owned());
        }
        let content = layout.outside.start;
        let wrong = bytes[content..]
            .par_chunks(CHUNK)
            .zip(written.par_chunks(8))
            .position_first(|(chunk, sum)| xxh3_64(chunk).to_le_bytes() != *sum);
        if let Some(chunk) = wrong {
            let start = content + chunk * CHUNK;
            let end = bytes.len().min(start + CHUNK);
            return damaged(format!("the language model is damaged: bytes {start} to {end} have another checksum"));
        }
        if bytes.as_ptr().align_offset(size_of::<Bucket>()) == 0 {
            return Self::assembled(image, header, layout);
        }
        let mut lines = Lines::new(bytes.len());
        lines.bytes_mut().copy_from_slice(bytes);
        Self::assembled(Box::new(lines), header, layout)
    }

    fn assembled(image: Image, header: Header, layout: Layout) -> Result<Self, LanguageModelError> {
        let bytes = (*image).as_ref();
        let damaged = || LanguageModelError::Damaged("the vocabulary of the language model makes no sense".to_owned());
        let numbers = |range: &Range<usize>| {
            bytes[range.clone()].as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect::<Vec<_>>()
        };
        let signed = |range: &Range<usize>| numbers(range).into_iter().map(u32::cast_signed).collect::<Vec<_>>();
        let names = std::str::from_utf8(&bytes[layout.names.clone()]).map_err(|_| damaged())?;
        let (outside, starts) = (numbers(&layout.outside), numbers(&layout.starts));
        let first = FIRST_TOKEN as usize;
        if outside.len() < first {
            return Err(damaged());
        }
        let name = |at: usize| names.get(starts[at] as usize..starts[at + 1] as usize).ok_or_else(damaged);
        let tokens = (first..outside.len()).map(|at| Ok::<_, LanguageModelError>((outside[at], name(at)?)));
        let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
        let vocabulary = Vocabulary::new(header.kind, tokens)?;
        let (worth, backoff) = (signed(&layout.worth), signed(&layout.backoff));
        Ok(Self { image, header, layout, vocabulary, worth, backoff })
    }

    /// All bytes of the model, as they are written into a file.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        (*self.image).as_ref()
    }

    /// Its tokens.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The longest n-grams.
    #[must_use]
    pub fn order(&self) -> usize {
        self.header.ngrams.len()
    }

    /// What the model is.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            kind: self.header.kind,
            ngrams: self.header.ngrams.clone(),
            bytes: self.image().len() as u64,
            notes: self.image()[self.layout.notes.clone()].to_vec(),
            rounding: self.nats(1) / 2.0,
        }
    }

    /// A sum of values in nats.
    #[must_use]
    #[inline]
    pub fn nats(&self, value: i64) -> f64 {
        value as f64 / f64::from(1_u32 << self.header.scale)
    }

    pub(super) fn seed(&self) -> u64 {
        self.header.seed
    }

    /// What each unigram adds to a text.
    pub(super) fn unigram_worth(&self) -> &[i32] {
        &self.worth
    }

    /// Back-off weight of each unigram.
    pub(super) fn unigram_backoff(&self) -> &[i32] {
        &self.backoff
    }

    /// The tables of the orders from 2 on.
    pub(super) fn tables(&self) -> Vec<&[Bucket]> {
        let bytes = self.image();
        let table = |[table, _]: &[Range<usize>; 2]| {
            // SAFETY: a bucket is made of bytes and numbers, without padding: any bytes are one.
            let (before, buckets, _) = unsafe { bytes[table.clone()].align_to::<Bucket>() };
            debug_assert!(before.is_empty());
            buckets
        };
        self.layout.tables.iter().map(table).collect()
    }

    /// The back-off weight of the n-gram at a place in the table of an order (0 for bigrams).
    pub(super) fn table_backoff(&self, table: usize, (bucket, slot): (usize, usize)) -> i32 {
        let weights = &self.image()[self.layout.tables[table][1].clone()];
        let at = BACKOFF * bucket + 3 * slot;
        weights.get(at..at + 3).map_or(0, |bytes| i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 8)
    }
}
