//! A chunk of bytes to rows.

use memchr::{memchr, memrchr};
use simdutf8::{basic, compat};

use super::error::{Failure, LineError, RejectReason, Rejected};
use super::fields::Fields;
use super::format::Format;
use super::row::Row;
use crate::batch::Batch;
use crate::json::{Tape, Template, scan_within};

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
/// Lines without a fitting template after which it is learned again only now and then.
const PATIENCE: usize = 16;
/// Bytes that resolving escapes may use behind the text.
const SPARE: usize = 256;
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
    let mut reader = Reader::new(options);
    let mut lines = 0;
    let mut at = if base_offset == 0 && bytes.starts_with(BOM) { BOM.len() } else { 0 };
    if at > 0 && at == bytes.len() {
        return 1;
    }
    batch.text_values.reserve(bytes.len() + SPARE);
    while at < bytes.len() {
        let window = window_end(bytes, at);
        let valid = basic::from_utf8(&bytes[at..window]).is_ok();
        while at < window {
            lines += 1;
            let place = Place { offset: base_offset + at as u64, line: base_line + lines };
            if valid && let Some(end) = reader.read_alike(bytes, at, batch) {
                place.keep(end - at, batch);
                at = end + 1 + usize::from(bytes.get(end) == Some(&b'\r'));
                continue;
            }
            let end = memchr(b'\n', &bytes[at..window]).map_or(window, |newline| at + newline);
            let (start, stop) = trim(bytes, at, end);
            let place = Place { offset: base_offset + start as u64, ..place };
            at = end + 1;
            if start == stop {
                continue;
            }
            match reader.read(bytes, start, stop, valid, batch) {
                Ok(()) => place.keep(stop - start, batch),
                Err(error) => rejected.push(place.reject(stop - start, error.into())),
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
    let mut reader = Reader::new(&ReadOptions { format, max_line_bytes: LONGEST_LINE });
    reader.read(line, start, stop, false, batch)?;
    Place { offset: 0, line: 0 }.keep(stop - start, batch);
    Ok(())
}

/// Reads lines of one source again, one at a time and in any order.
pub struct LineReader(Reader);

impl LineReader {
    /// For rows of a format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self(Reader::new(&ReadOptions { format, max_line_bytes: LONGEST_LINE }))
    }

    /// The format of the rows.
    #[must_use]
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// Appends the row whose line is that range of the source to `batch`, with offset 0 and line 0.
    ///
    /// The line must have been read before, as UTF-8; the source's bytes around it are looked at, which saves time.
    ///
    /// # Errors
    /// Why the line is no row (any more). The batch is left as it was.
    pub fn read(&mut self, source: &[u8], line: std::ops::Range<usize>, batch: &mut Batch) -> Result<(), LineError> {
        if self.0.read_alike(source, line.start, batch) != Some(line.end) {
            self.0.read(source, line.start, line.end, true, batch)?;
        }
        Place { offset: 0, line: 0 }.keep(line.len(), batch);
        Ok(())
    }
}

/// What is kept from line to line.
struct Reader {
    format: Format,
    longest: usize,
    tape: Tape,
    fields: Fields,
    /// The shape of the line that `tape` and `fields` are of.
    template: Template,
    /// Lines since the template last fitted one.
    misses: usize,
}

impl Reader {
    fn new(options: &ReadOptions) -> Self {
        Self {
            format: options.format,
            longest: options.max_line_bytes.min(LONGEST_LINE),
            tape: Tape::new(),
            fields: Fields::default(),
            template: Template::new(),
            misses: 0,
        }
    }

    /// Reads the line at `start` if it is a row of the shape that was seen last; gives the byte after the row.
    /// Nothing has happened otherwise.
    #[inline]
    fn read_alike(&mut self, bytes: &[u8], start: usize, batch: &mut Batch) -> Option<usize> {
        if !self.template.is_ready() {
            return None;
        }
        let end = self.template.scan(bytes, start, &mut self.tape)?;
        if end - start > self.longest {
            return None;
        }
        let row = Row { line: &bytes[start..end], tape: &self.tape, fields: &self.fields };
        // An error is put into words by the full scan: the template does not place every token.
        read_whole(&row, self.format, batch).ok()?;
        self.misses = 0;
        Some(end)
    }

    /// Reads the line at `start`; after an error the batch is as it was.
    fn read(&mut self, bytes: &[u8], start: usize, stop: usize, valid: bool, batch: &mut Batch) -> Result<(), Failure> {
        let line = &bytes[start..stop];
        self.template.forget();
        self.misses += 1;
        if line.len() > self.longest {
            return Err(too_long(line.len(), self.longest));
        }
        if !valid && basic::from_utf8(line).is_err() {
            return Err(invalid_utf8(line));
        }
        scan_within(bytes, start..stop, &mut self.tape)?;
        let row = Row::new(line, &self.tape, &mut self.fields)?;
        read_whole(&row, self.format, batch)?;
        if self.misses < PATIENCE || self.misses.is_multiple_of(PATIENCE) {
            self.template.learn(line, &self.tape);
        }
        Ok(())
    }
}

/// Reads a row; after an error the batch is as it was.
#[inline]
fn read_whole(row: &Row, format: Format, batch: &mut Batch) -> Result<(), Failure> {
    let rows = batch.len();
    let mut outcome = row.read(format, batch);
    let longest = batch.text_values.len().max(batch.id_values.len()).max(batch.roles.len());
    if longest > i32::MAX as usize {
        outcome = Err(Failure::at(RejectReason::LineTooLong, 0, "the batch has no room left (2 GiB of text)"));
    }
    if outcome.is_err() {
        batch.truncate(rows);
    }
    outcome
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

#[cold]
fn too_long(length: usize, longest: usize) -> Failure {
    let detail = format!("the line has {length} bytes, the most allowed is {longest}");
    Failure::new(RejectReason::LineTooLong, detail)
}

#[cold]
pub(super) fn invalid_utf8(line: &[u8]) -> Failure {
    let at = compat::from_utf8(line).err().map_or(0, |error| error.valid_up_to());
    let byte = line.get(at).copied().unwrap_or_default();
    let detail = format!("byte {at}: found the byte 0x{byte:02X}, expected UTF-8");
    Failure::new(RejectReason::InvalidUtf8, detail)
}
