//! The scanner itself.

use std::ops::Range;

use super::blocks::{Blocks, Specials, at_every_level};
use super::error::{Found, ScanError, ScanErrorKind};
use super::escape::{Escape, read_escape};
use super::number::scan_number;
use super::tape::{Kind, Tape, Token};

/// No container is open.
const TOP: u32 = u32::MAX;

/// Scans one JSON text, which must fill `line` but for white space, into `tape`.
///
/// `line` must be UTF-8 already; the scanner does not look at bytes above 0x7F inside strings.
///
/// # Errors
/// The first byte that is not JSON; or, in a text that is JSON, the first escape of half a surrogate pair.
/// An empty line is an error. The tape is empty after an error.
pub fn scan(line: &[u8], tape: &mut Tape) -> Result<(), ScanError> {
    scan_within(line, 0..line.len(), tape)
}

/// [`scan`] of the line at `line` in `bytes`; what follows the line may be read in whole blocks, but has no influence.
///
/// # Errors
/// As for [`scan`]; bytes are counted from the start of the line.
pub fn scan_within(bytes: &[u8], line: Range<usize>, tape: &mut Tape) -> Result<(), ScanError> {
    tape.tokens.clear();
    let kind_and_fault = scan_at_level(bytes, line.start, line.end, tape);
    kind_and_fault.map_err(|fault| {
        tape.tokens.clear();
        let line = bytes.get(line).unwrap_or_default();
        ScanError { byte: fault.at, found: Found::at(line, fault.at), expected: fault.expected, kind: fault.kind }
    })
}

/// An error before it is put into words.
struct Fault {
    at: usize,
    expected: &'static str,
    kind: ScanErrorKind,
}

#[cold]
#[inline(never)]
fn fault<T>((at, expected): (usize, &'static str)) -> Result<T, Fault> {
    Err(Fault { at, expected, kind: ScanErrorKind::Syntax })
}

at_every_level! {
    fn scan_at_level(bytes: &[u8], start: usize, end: usize, tape: &mut Tape) -> Result<(), Fault> = scan_body
}

struct Scanner<'a> {
    /// From the first byte of the line to the end of the chunk.
    bytes: &'a [u8],
    line: &'a [u8],
    at: usize,
    lone_surrogate: Option<usize>,
}

impl Scanner<'_> {
    /// The byte at the cursor; 0, which JSON allows nowhere outside of strings, past the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.line.get(self.at).copied().unwrap_or_default()
    }

    /// Skips white space and gives the byte after it.
    #[inline(always)]
    fn token(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Scans the string whose opening quote is at the cursor.
    ///
    /// # Safety
    /// The processor must have the level of `B`.
    #[inline(always)]
    unsafe fn string<B: Blocks>(&mut self, tape: &mut Tape) -> Result<(), Fault> {
        let start = self.at + 1;
        let mut kind = Kind::Plain;
        // SAFETY: the caller has the level, here and below.
        let mut specials = unsafe { Specials::from::<B>(self.bytes, start) };
        let at = loop {
            // SAFETY: as above.
            let mut at = unsafe { specials.first::<B>() };
            match self.line.get(at) {
                Some(b'"') => break at,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    match read_escape(self.line, at) {
                        Ok(Escape::Character(_, length)) => at += length,
                        Ok(Escape::Lone) => {
                            self.lone_surrogate.get_or_insert(at);
                            at += 6;
                        }
                        Err(error) => return fault(error),
                    }
                    // SAFETY: as above.
                    unsafe { specials.skip_to::<B>(at) };
                }
                Some(_) => return fault((at, "control characters in strings to be escaped")),
                None => return fault((self.line.len(), "the closing quote of a string")),
            }
        };
        Self::push(tape, start, at, kind);
        self.at = at + 1;
        Ok(())
    }

    #[inline(always)]
    fn push(tape: &mut Tape, start: usize, end: usize, kind: Kind) {
        let next = tape.tokens.len() as u32 + 1;
        tape.tokens.push(Token { start: start as u32, end: end as u32, next, kind });
    }

    /// Scans a value that is neither a string nor a container.
    #[inline(always)]
    fn scalar(&mut self, first: u8, tape: &mut Tape) -> Result<(), Fault> {
        let (word, kind): (&[u8], _) = match first {
            b'-' | b'0'..=b'9' => {
                let end = match scan_number(self.line, self.at) {
                    Ok(end) => end,
                    Err(error) => return fault(error),
                };
                Self::push(tape, self.at, end, Kind::Number);
                self.at = end;
                return Ok(());
            }
            b't' => (b"true", Kind::Boolean),
            b'f' => (b"false", Kind::Boolean),
            b'n' => (b"null", Kind::Null),
            _ => return fault((self.at, "a value")),
        };
        if !self.line[self.at..].starts_with(word) {
            return fault((self.at, "`true`, `false`, `null` or another value"));
        }
        Self::push(tape, self.at, self.at + word.len(), kind);
        self.at += word.len();
        Ok(())
    }

    /// Scans a key and its colon; `first` is the byte at the cursor.
    ///
    /// # Safety
    /// The processor must have the level of `B`.
    #[inline(always)]
    unsafe fn key<B: Blocks>(&mut self, first: u8, expected: &'static str, tape: &mut Tape) -> Result<(), Fault> {
        if first != b'"' {
            return fault((self.at, expected));
        }
        // SAFETY: the caller has the level.
        unsafe { self.string::<B>(tape)? };
        if self.token() != b':' {
            return fault((self.at, "`:` after a key"));
        }
        self.at += 1;
        Ok(())
    }
}

/// # Safety
/// The processor must have the level of `B`.
#[inline(always)]
unsafe fn scan_body<B: Blocks>(bytes: &[u8], start: usize, end: usize, tape: &mut Tape) -> Result<(), Fault> {
    let (Some(bytes), Some(line)) = (bytes.get(start..), bytes.get(start..end)) else {
        return fault((0, "a line within the chunk"));
    };
    if line.len() >= TOP as usize {
        return fault((TOP as usize, "a line of less than 4 GiB"));
    }
    let mut scanner = Scanner { bytes, line, at: 0, lone_surrogate: None };
    // Index of the innermost open container; its `next` holds the index of the one around it until it closes.
    let mut open = TOP;
    'value: loop {
        match scanner.token() {
            // SAFETY: the caller has the level.
            b'"' => unsafe { scanner.string::<B>(tape)? },
            bracket @ (b'{' | b'[') => {
                let (kind, close) = if bracket == b'{' { (Kind::Object, b'}') } else { (Kind::Array, b']') };
                let index = tape.tokens.len() as u32;
                tape.tokens.push(Token { start: scanner.at as u32, end: 0, next: open, kind });
                open = index;
                scanner.at += 1;
                let first = scanner.token();
                if first != close {
                    if kind == Kind::Object {
                        // SAFETY: the caller has the level.
                        unsafe { scanner.key::<B>(first, "a key in double quotes or `}`", tape)? };
                    }
                    continue 'value;
                }
            }
            first => scanner.scalar(first, tape)?,
        }
        loop {
            let byte = scanner.token();
            let Some(container) = tape.tokens.get(open as usize) else { break 'value };
            let object = container.kind == Kind::Object;
            match byte {
                b',' => {
                    scanner.at += 1;
                    if object {
                        let first = scanner.token();
                        // SAFETY: the caller has the level.
                        unsafe { scanner.key::<B>(first, "a key in double quotes", tape)? };
                    }
                    continue 'value;
                }
                b'}' if object => {}
                b']' if !object => {}
                _ if object => return fault((scanner.at, "`,` or `}`")),
                _ => return fault((scanner.at, "`,` or `]`")),
            }
            scanner.at += 1;
            let next = tape.tokens.len() as u32;
            let container = &mut tape.tokens[open as usize];
            open = std::mem::replace(&mut container.next, next);
            container.end = scanner.at as u32;
        }
    }
    if scanner.at < line.len() {
        return fault((scanner.at, "nothing after the value"));
    }
    match scanner.lone_surrogate {
        Some(at) => {
            let kind = ScanErrorKind::LoneSurrogate;
            Err(Fault { at, expected: "both halves of a surrogate pair", kind })
        }
        None => Ok(()),
    }
}
