//! All rows of a run: where each line stands in its source, so that its text can be read again at any time.

use std::cmp::Ordering;
use std::ops::Range;

use memchr::memchr;
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::batch::{Batch, RowScratch, Rows, Turns};
use crate::groups::Groups;
use crate::memory::{prefetch, prefetch_slice};
use crate::normalise::{Normalise, RowNormaliser};
use crate::read::{Format, LineError, LineReader, LineRewriter, ReadOptions, Rejected, RowWriter, read_lines};

/// Bytes that stay where they are: a mapped file, a buffer of Python's.
pub type Bytes = Box<dyn AsRef<[u8]> + Send + Sync>;

/// One file, or what it was decoded to.
struct Source {
    bytes: Bytes,
    format: Format,
    hasher: Xxh3,
    lines: u64,
    positions: Option<Positions>,
}

/// Where the lines of a decoded source stood in the file, for a JSON array over many lines.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// Byte of each line's first byte.
    pub bytes: Vec<u64>,
    /// Line of it, from 1.
    pub lines: Vec<u64>,
}

impl Positions {
    /// The place of a line, whose number is from 1.
    fn place(&self, line: u64) -> Option<(u64, u64)> {
        let at = line.checked_sub(1)? as usize;
        Some((*self.lines.get(at)?, *self.bytes.get(at)?))
    }
}

/// Where a row stands and when it is kept: what random access needs, in one piece of memory.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    content_hash: u64,
    line: u64,
    length: u32,
}

impl Place {
    fn range(&self) -> Range<usize> {
        self.offset as usize..self.offset as usize + self.length as usize
    }
}

/// What the normalised texts are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Apply {
    /// For every look at the rows; lines that are written stay as they came.
    #[default]
    Comparison,
    /// For the lines that are written too.
    Text,
}

/// How rows are normalised, and which rows that changed.
struct Normalised {
    normalise: Normalise,
    apply: Apply,
    /// One bit for each row.
    changed: Vec<u64>,
}

impl Normalised {
    fn add(&mut self, first_row: usize, changes: &[u8]) {
        self.changed.resize((first_row + changes.len()).div_ceil(64), 0);
        for row in changes.iter().enumerate().filter(|(_, change)| **change != 0).map(|(at, _)| first_row + at) {
            self.changed[row / 64] |= 1 << (row % 64);
        }
    }

    fn has_changed(&self, row: u32) -> bool {
        self.changed.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

/// Sources and the index of the rows that were read from them.
#[derive(Default)]
pub struct Corpus {
    normalised: Option<Normalised>,
    sources: Vec<Source>,
    /// First row of each source, as far as rows were read.
    first_rows: Vec<u32>,
    places: Vec<Place>,
    has_id: Vec<bool>,
    id_offsets: Vec<i64>,
    id_values: Vec<u8>,
}

/// What one call of [`Corpus::read_chunk`] found.
pub struct Chunk {
    /// Byte of the source at which the next chunk begins.
    pub end: u64,
    /// Number of the first row.
    pub first_row: u32,
    /// The rows.
    pub batch: Batch,
    /// Hash of each row's turns.
    pub content_hashes: Vec<u64>,
    /// What normalising changed in each row, the bits of [`Changes`](crate::normalise::Changes).
    pub changes: Vec<u8>,
    /// The lines that are no rows.
    pub rejected: Vec<Rejected>,
}

/// More rows than a run can number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} rows: split the input into several runs", u32::MAX - 1)]
pub struct TooManyRows;

/// Bytes that one task reads.
const PIECE: usize = 256 << 10;

impl Corpus {
    /// No source yet.
    #[must_use]
    pub fn new() -> Self {
        Self { id_offsets: vec![0], ..Self::default() }
    }

    /// No source yet. Every row's turns are normalised when they are read, at first and again; see [`Apply`].
    #[must_use]
    pub fn normalised(normalise: Normalise, apply: Apply) -> Self {
        Self { normalised: Some(Normalised { normalise, apply, changed: Vec::new() }), ..Self::new() }
    }

    /// Adds a source and returns its number. Sources are read one after the other, each from its start to its end.
    ///
    /// `positions` say where its lines stood, if the source was decoded from another layout.
    pub fn add_source(&mut self, bytes: Bytes, format: Format, positions: Option<Positions>) -> usize {
        self.sources.push(Source { bytes, format, hasher: Xxh3::new(), lines: 0, positions });
        self.first_rows.push(self.places.len() as u32);
        self.sources.len() - 1
    }

    /// Reads the whole lines of about `bytes` bytes from `start` on, in parallel, and at most `max_rows` rows of them;
    /// what is read does not depend on the size of the chunks or the threads. With the last of `max_rows` rows reading
    /// ends: what stands after its line does not count as read.
    ///
    /// # Errors
    /// [`TooManyRows`]; the corpus is as before.
    pub fn read_chunk(
        &mut self,
        source: usize,
        start: u64,
        bytes: usize,
        max_line_bytes: usize,
        max_rows: usize,
    ) -> Result<Chunk, TooManyRows> {
        let Source { bytes: all, format, hasher, lines, positions } = &mut self.sources[source];
        let all = (**all).as_ref();
        let start = (start as usize).min(all.len());
        let end = line_end(all, start.saturating_add(bytes.max(1)));
        let chunk = &all[start..end];
        let options = ReadOptions { format: *format, max_line_bytes };
        let hashed_before = hasher.clone();
        let lines_before = *lines;
        let normalise = self.normalised.as_ref().map(|normalised| &normalised.normalise);
        let read = || read_pieces(chunk, start as u64, &options, normalise);
        let (pieces, ()) = rayon::join(read, || hasher.update(chunk));
        let mut merged = Piece::default();
        for mut piece in pieces {
            let before = *lines;
            *lines += piece.lines;
            piece.batch.line_number.iter_mut().for_each(|line| *line += before);
            for rejected in &mut piece.rejected {
                rejected.line += before;
            }
            if merged.batch.is_empty() {
                merged.batch = piece.batch;
            } else {
                merged.batch.append(&piece.batch);
            }
            merged.content_hashes.append(&mut piece.content_hashes);
            merged.changes.append(&mut piece.changes);
            merged.rejected.append(&mut piece.rejected);
        }
        let mut end = end;
        if merged.batch.len() >= max_rows {
            merged.truncate(max_rows);
            end = merged.end().map_or(start, |last| line_end(all, last));
            *lines = merged.batch.line_number.last().copied().unwrap_or(lines_before);
            *hasher = hashed_before;
            hasher.update(&all[start..end]);
        }
        for rejected in &mut merged.rejected {
            if let Some((line, byte)) = positions.as_ref().and_then(|positions| positions.place(rejected.line)) {
                (rejected.line, rejected.offset) = (line, byte);
            }
        }
        let first_row = self.places.len();
        if first_row + merged.batch.len() >= u32::MAX as usize {
            return Err(TooManyRows);
        }
        self.index(&merged);
        let Piece { batch, content_hashes, changes, rejected, .. } = merged;
        Ok(Chunk { end: end as u64, first_row: first_row as u32, batch, content_hashes, changes, rejected })
    }

    fn index(&mut self, piece: &Piece) {
        let batch = &piece.batch;
        if let Some(normalised) = &mut self.normalised {
            normalised.add(self.places.len(), &piece.changes);
        }
        self.places.extend((0..batch.len()).map(|row| Place {
            offset: batch.line_offset[row],
            content_hash: piece.content_hashes[row],
            line: batch.line_number[row],
            length: batch.line_length[row],
        }));
        self.has_id.extend_from_slice(&batch.has_id);
        let base = self.id_values.len() as i64;
        self.id_offsets.extend(batch.id_offsets[1..].iter().map(|&offset| base + i64::from(offset)));
        self.id_values.extend_from_slice(&batch.id_values);
    }

    /// Lines of a source that were read so far, blank ones too.
    #[must_use]
    pub fn lines_read(&self, source: usize) -> u64 {
        self.sources[source].lines
    }

    /// XXH3-128 of the bytes of a source that were read so far.
    #[must_use]
    pub fn source_hash(&self, source: usize) -> u128 {
        self.sources[source].hasher.digest128()
    }

    /// The source of a row.
    #[must_use]
    #[inline]
    pub fn source_of(&self, row: u32) -> usize {
        if self.first_rows.len() == 1 {
            return 0;
        }
        self.first_rows.partition_point(|&first| first <= row) - 1
    }

    /// First row of each source.
    #[must_use]
    pub fn first_rows(&self) -> &[u32] {
        &self.first_rows
    }

    /// Where a row's line stands in its file: the number of the line, from 1, and the byte of its first byte.
    #[must_use]
    pub fn place(&self, row: u32) -> (u64, u64) {
        let place = self.places[row as usize];
        let positions = self.sources[self.source_of(row)].positions.as_ref();
        positions.and_then(|positions| positions.place(place.line)).unwrap_or((place.line, place.offset))
    }

    /// The row's own id.
    #[must_use]
    pub fn id(&self, row: u32) -> Option<&[u8]> {
        let at = row as usize;
        self.has_id[at].then(|| &self.id_values[self.id_offsets[at] as usize..self.id_offsets[at + 1] as usize])
    }

    /// How many ids stand on more than one row, and the first rows of up to `most` of them, ascending.
    #[must_use]
    pub fn repeated_ids(&self, most: usize) -> (usize, Vec<u32>) {
        let rows: Vec<u32> = (0..self.places.len() as u32).filter(|&row| self.has_id[row as usize]).collect();
        let hashes: Vec<u64> = rows.par_iter().map(|&row| xxh3_64(self.id(row).unwrap_or_default())).collect();
        let groups = Groups::of(&hashes, &rows);
        let mut repeated = Vec::new();
        for group in 0..groups.len() {
            let mut members: Vec<(&[u8], u32)> =
                groups.members(group).iter().map(|&row| (self.id(row).unwrap_or_default(), row)).collect();
            members.sort_unstable();
            repeated.extend(members.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() >= 2).map(|same| same[0].1));
        }
        repeated.sort_unstable();
        let count = repeated.len();
        repeated.truncate(most);
        (count, repeated)
    }

    /// The line of a row, without its end of line.
    #[must_use]
    pub fn line(&self, row: u32) -> &[u8] {
        let bytes = (*self.sources[self.source_of(row)].bytes).as_ref();
        bytes.get(self.places[row as usize].range()).unwrap_or_default()
    }

    /// The format in which a source is read.
    #[must_use]
    pub fn format(&self, source: usize) -> Format {
        self.sources[source].format
    }

    /// The line of a row as it is written: as it came, or with [`Apply::Text`] with its texts normalised.
    fn written<'a>(&'a self, row: u32, rewriter: &'a mut Option<(LineRewriter, Vec<u8>)>) -> &'a [u8] {
        let line = self.line(row);
        let applied = self.normalised.as_ref().filter(|normalised| normalised.apply == Apply::Text);
        let Some(normalised) = applied.filter(|normalised| normalised.has_changed(row)) else { return line };
        let format = self.format(self.source_of(row));
        if rewriter.as_ref().is_some_and(|(rewriter, _)| rewriter.format() != format) {
            *rewriter = None;
        }
        let (rewriter, written) = rewriter.get_or_insert_with(|| (LineRewriter::new(format), Vec::new()));
        written.clear();
        // Only a file that changed since can bring an error; the runner looks for that at the end.
        if rewriter.rewrite(line, &normalised.normalise, written).is_ok() { written } else { line }
    }

    /// Fills a buffer with the lines of rows from `rows`, each with a line feed, as long as they fit: as they came, or
    /// with [`Apply::Text`] with their texts normalised.
    ///
    /// Returns the first row that was not asked for, which is `rows.start` if not even its line fits, the number of
    /// rows and of bytes.
    pub fn fill(&self, rows: Range<u32>, wanted: impl Fn(u32) -> bool, buffer: &mut [u8]) -> (u32, usize, usize) {
        let (mut count, mut filled) = (0, 0);
        let mut rewriter = None;
        for row in rows.clone() {
            if !wanted(row) {
                continue;
            }
            let line = self.written(row, &mut rewriter);
            let Some(space) = buffer.get_mut(filled..=filled + line.len()) else { return (row, count, filled) };
            space[..line.len()].copy_from_slice(line);
            space[line.len()] = b'\n';
            filled += space.len();
            count += 1;
        }
        (rows.end, count, filled)
    }

    /// Appends the lines of some rows in another format, each with a line feed.
    ///
    /// # Errors
    /// The row whose line is no longer the one that was read, and why.
    pub fn convert(
        &self,
        rows: impl Iterator<Item = u32>,
        to: Format,
        out: &mut Vec<u8>,
    ) -> Result<(), (u32, LineError)> {
        let mut writer: Option<(Format, RowWriter)> = None;
        let mut rewriter = None;
        for row in rows {
            let from = self.format(self.source_of(row));
            let writer = match &mut writer {
                Some((format, writer)) if *format == from => writer,
                writer => &mut writer.insert((from, RowWriter::new(from, to))).1,
            };
            writer.write(self.written(row, &mut rewriter), out).map_err(|error| (row, error))?;
            out.push(b'\n');
        }
        Ok(())
    }
}

impl Rows for Corpus {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn read<'a>(&'a self, row: u32, scratch: &'a mut RowScratch) -> (Turns<'a>, usize) {
        let RowScratch { batch, reader } = scratch;
        batch.clear();
        let source = &self.sources[self.source_of(row)];
        let reader = match reader {
            Some(reader) if reader.format() == source.format => reader,
            reader => reader.insert(LineReader::new(source.format)),
        };
        let line = self.places[row as usize].range();
        let bytes = (*source.bytes).as_ref();
        if line.end > bytes.len() || reader.read(bytes, line, batch).is_err() {
            // Only a file that changed since can bring this; the runner looks for that at the end.
            batch.turn_offsets.push(0);
        } else if let Some(normalised) = self.normalised.as_ref().filter(|normalised| normalised.has_changed(row)) {
            RowNormaliser::new(&normalised.normalise, source.format).rows(batch, |_, _| self.line(row));
        }
        (batch.view(), 0)
    }

    fn prefetch_place(&self, row: u32) {
        prefetch(std::ptr::from_ref(&self.places[row as usize]).cast());
    }

    fn prefetch(&self, row: u32) {
        prefetch_slice(self.line(row));
    }

    fn keep_order(&self, left: u32, right: u32) -> Ordering {
        let hash = |row: u32| self.places[row as usize].content_hash;
        hash(left).cmp(&hash(right)).then_with(|| self.line(left).cmp(self.line(right))).then(left.cmp(&right))
    }
}

#[derive(Default)]
struct Piece {
    batch: Batch,
    content_hashes: Vec<u64>,
    changes: Vec<u8>,
    rejected: Vec<Rejected>,
    lines: u64,
}

impl Piece {
    /// The byte after the last row, without its end of line.
    fn end(&self) -> Option<usize> {
        let (&offset, &length) = (self.batch.line_offset.last()?, self.batch.line_length.last()?);
        Some(offset as usize + length as usize)
    }

    /// Removes the rows from `rows` on, and the rejected lines after the last row that stays.
    fn truncate(&mut self, rows: usize) {
        self.batch.truncate(rows);
        self.content_hashes.truncate(rows);
        self.changes.truncate(rows);
        let last = self.batch.line_offset.last().copied();
        self.rejected.retain(|rejected| last.is_some_and(|last| rejected.offset < last));
    }
}

fn read_pieces(chunk: &[u8], start: u64, options: &ReadOptions, normalise: Option<&Normalise>) -> Vec<Piece> {
    let mut bounds = vec![0];
    let mut at = 0;
    // One thread reads all of it at once: there is nothing to put together then.
    let piece = if rayon::current_num_threads() == 1 { chunk.len() } else { PIECE };
    while at < chunk.len() {
        at = line_end(chunk, at + piece);
        bounds.push(at);
    }
    bounds
        .par_windows(2)
        .map(|range| {
            let mut piece = Piece::default();
            let bytes = &chunk[range[0]..range[1]];
            let offset = start + range[0] as u64;
            piece.lines = read_lines(bytes, offset, 0, options, &mut piece.batch, &mut piece.rejected);
            piece.changes = match normalise {
                Some(normalise) => {
                    RowNormaliser::new(normalise, options.format).rows(&mut piece.batch, |batch, row| {
                        let line = (batch.line_offset[row] - start) as usize;
                        &chunk[line..line + batch.line_length[row] as usize]
                    })
                }
                None => vec![0; piece.batch.len()],
            };
            piece.content_hashes = piece.batch.view().content_hashes();
            piece
        })
        .collect()
}

/// The end of the line that holds byte `at`, after its line feed.
fn line_end(bytes: &[u8], at: usize) -> usize {
    if at >= bytes.len() {
        return bytes.len();
    }
    memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |newline| at + newline + 1)
}
