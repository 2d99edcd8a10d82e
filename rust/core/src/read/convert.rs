//! Whole chunks of lines in another format.

use std::borrow::Cow;

use memchr::memchr;
use rayon::prelude::*;

use super::error::{LineError, RejectReason, Rejected};
use super::format::Format;
use super::lines::trim;
use super::names::Names;
use super::write::RowWriter;

/// How lines are converted.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    /// The shape of the rows.
    pub from: Format,
    /// The shape that they get.
    pub to: Format,
    /// Whether what the other shape cannot hold is kept, see [`RowWriter::lossless`]; else see [`RowWriter::plain`].
    pub lossless: bool,
    /// Longer lines, in bytes, are rejected without a look at them.
    pub max_line_bytes: usize,
    /// The names of the source's keys, if they are not those of its format.
    pub names: Option<Names>,
}

/// What became of a chunk.
#[derive(Debug, Default)]
pub struct Converted {
    /// Byte of the source at which the next chunk begins.
    pub end: u64,
    /// Lines of the chunk, blank ones too.
    pub lines: u64,
    /// Rows that were written.
    pub rows: u64,
    /// The rows, each with a line feed.
    pub out: Vec<u8>,
    /// The lines that are no rows.
    pub rejected: Vec<Rejected>,
}

/// Bytes that one task converts.
const PIECE: usize = 256 << 10;
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Converts the whole lines of about `size` bytes of a source from byte `start` on, in parallel; `lines_before` stand
/// before it. What is written does not depend on the size of the chunks or the number of threads.
///
/// rows + rejected + blank lines = lines. Empty bytes have no line.
#[must_use]
pub fn convert_chunk(bytes: &[u8], start: u64, size: usize, lines_before: u64, options: &ConvertOptions) -> Converted {
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
    let end = line_end(bytes, start.saturating_add(size.max(1)));
    let mut bounds = vec![start];
    let mut at = start;
    while at < end {
        at = line_end(&bytes[..end], at + PIECE);
        bounds.push(at);
    }
    let pieces: Vec<_> = bounds.par_windows(2).map(|range| convert_piece(bytes, range[0], range[1], options)).collect();
    let mut whole = Converted { end: end as u64, ..Converted::default() };
    for mut piece in pieces {
        for rejected in &mut piece.rejected {
            rejected.line += lines_before + whole.lines;
        }
        whole.lines += piece.lines;
        whole.rows += piece.rows;
        whole.rejected.append(&mut piece.rejected);
        if whole.out.is_empty() {
            whole.out = piece.out;
        } else {
            whole.out.extend_from_slice(&piece.out);
        }
    }
    whole
}

fn convert_piece(bytes: &[u8], start: usize, end: usize, options: &ConvertOptions) -> Converted {
    let ConvertOptions { from, to, .. } = *options;
    let mut writer = if options.lossless { RowWriter::lossless(from, to) } else { RowWriter::plain(from, to) };
    let mut piece = Converted::default();
    piece.out.reserve(end - start);
    let mut at = if start == 0 && bytes.starts_with(BOM) { BOM.len() } else { start };
    if at > start && at >= end {
        piece.lines = 1;
        return piece;
    }
    while at < end {
        piece.lines += 1;
        let stop = memchr(b'\n', &bytes[at..end]).map_or(end, |newline| at + newline);
        let (first, last) = trim(bytes, at, stop);
        at = stop + 1;
        if first == last {
            continue;
        }
        match convert_line(&bytes[first..last], options, &mut writer, &mut piece.out) {
            Ok(()) => {
                piece.out.push(b'\n');
                piece.rows += 1;
            }
            Err(LineError { reason, detail }) => {
                let length = (last - first) as u64;
                piece.rejected.push(Rejected { line: piece.lines, offset: first as u64, length, reason, detail });
            }
        }
    }
    piece
}

fn convert_line(
    line: &[u8],
    options: &ConvertOptions,
    writer: &mut RowWriter,
    out: &mut Vec<u8>,
) -> Result<(), LineError> {
    if line.len() > options.max_line_bytes {
        let detail = format!("the line has {} bytes, the most allowed is {}", line.len(), options.max_line_bytes);
        return Err(LineError { reason: RejectReason::LineTooLong, detail });
    }
    let line = match &options.names {
        Some(names) => names.rename(line),
        None => Cow::Borrowed(line),
    };
    writer.write_checked(&line, out)
}

/// The end of the line that holds byte `at`, after its line feed.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let newline = bytes.get(at..).and_then(|rest| memchr(b'\n', rest));
    newline.map_or(bytes.len(), |newline| at + newline + 1)
}
