//! A chunk of bytes to rows.

use memchr::{memchr, memrchr};
use simdutf8::{basic, compat};

use super::error::{LineError, RejectReason, Rejected};
use super::format::Format;
use super::row::Row;
use crate::batch::Batch;
use crate::json::{Tape, scan_within};

/// How lines are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The shape of the rows.
    pub format: Format,
    /// Longer lines, in bytes, are rejected without a look at them.
    pub max_line_bytes: usize,
}

/// Bytes that are checked for UTF-8 at once: small enough to be in the second-level cache when they are scanned.
const WINDOW: usize = 128 << 10;
/// A row's length is kept in 32 bits, positions in a batch in 31.
const LONGEST_LINE: usize = i32::MAX as usize;
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Reads whole lines: `bytes` begins where a line begins and ends with a line's end or the file's.
///
/// `base_offset` is the byte, `base_line` the number of lines that stand before `bytes` in the source: both 0 at its
/// start, where a byte order mark is skipped. Rows go to `batch`, other lines that are not blank to `rejected`;
/// rows + rejected + blank lines = the number of lines, which is returned. Empty bytes have no line.
pub fn read_lines(
    bytes: &[u8],
    base_offset: u64,
    base_line: u64,
    options: &ReadOptions,
    batch: &mut Batch,
    rejected: &mut Vec<Rejected>,
) -> u64 {
    let mut tape = Tape::new();
    let mut lines = 0;
    let mut at = if base_offset == 0 && bytes.starts_with(BOM) { BOM.len() } else { 0 };
    if at > 0 && at == bytes.len() {
        return 1;
    }
    batch.text_values.reserve(bytes.len());
    let longest = options.max_line_bytes.min(LONGEST_LINE);
    while at < bytes.len() {
        let window = window_end(bytes, at);
        let valid = basic::from_utf8(&bytes[at..window]).is_ok();
        while at < window {
            let end = memchr(b'\n', &bytes[at..window]).map_or(window, |newline| at + newline);
            let (start, stop) = trim(bytes, at, end);
            at = end + 1;
            lines += 1;
            if start == stop {
                continue;
            }
            let place = Place { offset: base_offset + start as u64, line: base_line + lines };
            let outcome = if stop - start > longest {
                Err(too_long(stop - start, longest))
            } else if !valid && basic::from_utf8(&bytes[start..stop]).is_err() {
                Err(invalid_utf8(&bytes[start..stop]))
            } else {
                read_into(bytes, start, stop, &mut tape, options.format, batch)
            };
            match outcome {
                Ok(()) => place.keep(stop - start, batch),
                Err(error) => rejected.push(place.reject(stop - start, error)),
            }
        }
    }
    lines
}

/// Reads one line, without its end of line, as a row of `format`, and appends it to `batch` with offset 0 and line 0.
///
/// # Errors
/// Why the line is no row; a blank line is not JSON. The batch is left as it was.
pub fn read_line(line: &[u8], format: Format, batch: &mut Batch) -> Result<(), LineError> {
    let (start, stop) = trim(line, 0, line.len());
    if stop - start > LONGEST_LINE {
        return Err(too_long(stop - start, LONGEST_LINE));
    }
    if basic::from_utf8(&line[start..stop]).is_err() {
        return Err(invalid_utf8(&line[start..stop]));
    }
    read_into(line, start, stop, &mut Tape::new(), format, batch)?;
    Place { offset: 0, line: 0 }.keep(stop - start, batch);
    Ok(())
}

/// Where a line stands in its source.
struct Place {
    offset: u64,
    line: u64,
}

impl Place {
    #[inline]
    fn keep(self, length: usize, batch: &mut Batch) {
        batch.line_offset.push(self.offset);
        batch.line_length.push(length as u32);
        batch.line_number.push(self.line);
    }

    #[cold]
    fn reject(self, length: usize, error: LineError) -> Rejected {
        let LineError { reason, detail } = error;
        Rejected { line: self.line, offset: self.offset, length: length as u64, reason, detail }
    }
}

/// End of the bytes that are checked at once: the end of a line.
fn window_end(bytes: &[u8], at: usize) -> usize {
    let most = (at + WINDOW).min(bytes.len());
    match memrchr(b'\n', &bytes[at..most]) {
        Some(newline) => at + newline + 1,
        None => memchr(b'\n', &bytes[most..]).map_or(bytes.len(), |newline| most + newline + 1),
    }
}

/// The line without blanks around it.
#[inline]
pub(super) fn trim(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
    while start < end && blank(bytes[start]) {
        start += 1;
    }
    while start < end && blank(bytes[end - 1]) {
        end -= 1;
    }
    (start, end)
}

/// Scans and reads one line; after an error the batch is as it was.
#[inline]
fn read_into(
    bytes: &[u8],
    start: usize,
    stop: usize,
    tape: &mut Tape,
    format: Format,
    batch: &mut Batch,
) -> Result<(), LineError> {
    scan_within(bytes, start..stop, tape)?;
    let row = Row::new(&bytes[start..stop], tape)?;
    let rows = batch.len();
    let mut outcome = row.read(format, batch);
    let longest = batch.text_values.len().max(batch.id_values.len()).max(batch.roles.len());
    if longest > i32::MAX as usize {
        outcome = Err(LineError::new(RejectReason::LineTooLong, 0, "the batch has no room left (2 GiB of text)"));
    }
    if outcome.is_err() {
        batch.truncate(rows);
    }
    outcome
}

#[cold]
fn too_long(length: usize, longest: usize) -> LineError {
    let detail = format!("the line has {length} bytes, the most allowed is {longest}");
    LineError { reason: RejectReason::LineTooLong, detail }
}

#[cold]
fn invalid_utf8(line: &[u8]) -> LineError {
    let at = compat::from_utf8(line).err().map_or(0, |error| error.valid_up_to());
    let byte = line.get(at).copied().unwrap_or_default();
    let detail = format!("byte {at}: found the byte 0x{byte:02X}, expected UTF-8");
    LineError { reason: RejectReason::InvalidUtf8, detail }
}
