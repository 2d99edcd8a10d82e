//! A JSON array over many lines to one line per element.

use crate::json::{Found, find_special};

/// Why a file is not one JSON array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte}, line {line}: found {found}, expected {expected}")]
pub struct SplitError {
    /// Byte in the file, from 0.
    pub byte: u64,
    /// Line in the file, from 1.
    pub line: u64,
    /// What stood there.
    pub found: Found,
    /// What JSON allows there.
    pub expected: &'static str,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The rest of a byte order mark, of which so many bytes were seen.
    Mark(usize),
    /// The bracket that opens the array.
    Start,
    /// A value; or, just behind an opening bracket, the closing one.
    Value { first: bool },
    /// A key; or, just behind an opening brace, the closing one.
    Key { first: bool },
    /// The colon after a key.
    Colon,
    /// A comma or the end of the innermost container.
    After,
    /// Inside a string, which may be a key.
    String { key: bool },
    /// After a backslash.
    Escape { key: bool },
    /// Inside a number or a word.
    Scalar,
    /// Nothing but white space.
    Done,
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Makes lines out of the elements of a JSON array, in pieces of any size, with the memory of one element.
///
/// The structure is checked all the way down, so that a broken element cannot shift the borders of those after it.
/// Numbers, words, escapes and UTF-8 are not looked at: whoever reads the lines does that, line by line.
#[derive(Clone, Debug)]
pub struct ArraySplitter {
    state: State,
    /// Whether each open container is an object; the array itself is the first.
    open: Vec<bool>,
    /// The element so far, without its line ends.
    element: Vec<u8>,
    /// Byte and line of the element's first byte.
    begun: (u64, u64),
    /// Bytes before those being fed.
    offset: u64,
    line: u64,
    failed: Option<SplitError>,
}

impl Default for ArraySplitter {
    fn default() -> Self {
        Self::new()
    }
}

impl ArraySplitter {
    /// A splitter at the beginning of a file.
    #[must_use]
    pub const fn new() -> Self {
        let state = State::Mark(0);
        Self { state, open: Vec::new(), element: Vec::new(), begun: (0, 1), offset: 0, line: 1, failed: None }
    }

    /// Takes the next bytes of the file. Each element that ends in them is appended to `out` as one line with its end,
    /// and the byte (from 0) and line (from 1) of its beginning in the file to `map`.
    ///
    /// # Errors
    /// The first byte that cannot stand where it does; elements before it were given, and every later call fails too.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>, map: &mut Vec<(u64, u64)>) -> Result<(), SplitError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut at = 0;
        while at < bytes.len() {
            if matches!(self.state, State::String { .. }) {
                let special = find_special(bytes, at);
                self.element.extend_from_slice(&bytes[at..special]);
                at = special;
                if at == bytes.len() {
                    break;
                }
            }
            if let Err(expected) = self.step(bytes[at], self.offset + at as u64, out, map) {
                return self.fail(self.offset + at as u64, Found::at(bytes, at), expected);
            }
            self.line += u64::from(bytes[at] == b'\n');
            at += 1;
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Says that the file has ended.
    ///
    /// # Errors
    /// The array has not begun or has not ended.
    pub fn finish(&mut self) -> Result<(), SplitError> {
        match (self.failed, self.state) {
            (Some(error), _) => Err(error),
            (None, State::Done) => Ok(()),
            (None, State::Start | State::Mark(_)) => self.fail(self.offset, Found::End, "a JSON array"),
            _ => self.fail(self.offset, Found::End, "the rest of the array"),
        }
    }

    #[cold]
    fn fail(&mut self, byte: u64, found: Found, expected: &'static str) -> Result<(), SplitError> {
        let error = SplitError { byte, line: self.line, found, expected };
        self.failed = Some(error);
        Err(error)
    }

    /// Takes one byte, which stands at `place` of the file; an error says what was expected.
    fn step(&mut self, byte: u8, place: u64, out: &mut Vec<u8>, map: &mut Vec<(u64, u64)>) -> Result<(), &'static str> {
        match self.state {
            State::String { key } => return self.step_in_string(byte, key, out, map),
            State::Escape { key } => {
                if byte == b'\n' {
                    return Err("the rest of an escape before the line ends");
                }
                self.element.push(byte);
                self.state = State::String { key };
                return Ok(());
            }
            State::Scalar if matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => {
                self.element.push(byte);
                return Ok(());
            }
            State::Scalar => self.end_value(out, map),
            State::Mark(seen) if byte == BOM[seen] => {
                self.state = if seen + 1 == BOM.len() { State::Start } else { State::Mark(seen + 1) };
                return Ok(());
            }
            State::Mark(0) => self.state = State::Start,
            State::Mark(_) => return Err("the rest of a byte order mark"),
            _ => {}
        }
        match byte {
            b'\n' | b'\r' => return Ok(()),
            b' ' | b'\t' => {
                if !self.element.is_empty() {
                    self.element.push(byte);
                }
                return Ok(());
            }
            _ => {}
        }
        match self.state {
            State::Start if byte == b'[' => {
                self.open.push(false);
                self.state = State::Value { first: true };
                Ok(())
            }
            State::Start => Err("`[`, the beginning of a JSON array"),
            State::Value { first: true } if byte == b']' => self.close(byte, out, map),
            State::Value { .. } => self.step_value(byte, place),
            State::Key { first: true } if byte == b'}' => self.close(byte, out, map),
            State::Key { .. } if byte == b'"' => self.go(byte, State::String { key: true }),
            State::Key { .. } => Err("a key in double quotes"),
            State::Colon if byte == b':' => self.go(byte, State::Value { first: false }),
            State::Colon => Err("`:` after a key"),
            State::After => self.step_after(byte, out, map),
            _ => Err("nothing after the array"),
        }
    }

    /// Takes the byte as part of the element.
    #[allow(clippy::unnecessary_wraps, reason = "the last step of every arm that takes a byte")]
    fn go(&mut self, byte: u8, state: State) -> Result<(), &'static str> {
        self.element.push(byte);
        self.state = state;
        Ok(())
    }

    fn step_value(&mut self, byte: u8, place: u64) -> Result<(), &'static str> {
        if self.element.is_empty() {
            self.begun = (place, self.line);
        }
        match byte {
            b'"' => self.go(byte, State::String { key: false }),
            b'{' => {
                self.open.push(true);
                self.go(byte, State::Key { first: true })
            }
            b'[' => {
                self.open.push(false);
                self.go(byte, State::Value { first: true })
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => self.go(byte, State::Scalar),
            _ => Err("a value"),
        }
    }

    fn step_in_string(
        &mut self,
        byte: u8,
        key: bool,
        out: &mut Vec<u8>,
        map: &mut Vec<(u64, u64)>,
    ) -> Result<(), &'static str> {
        if byte == b'\n' {
            return Err("the closing quote of a string before the line ends");
        }
        self.element.push(byte);
        match byte {
            b'\\' => self.state = State::Escape { key },
            b'"' if key => self.state = State::Colon,
            b'"' => self.end_value(out, map),
            _ => {}
        }
        Ok(())
    }

    fn step_after(&mut self, byte: u8, out: &mut Vec<u8>, map: &mut Vec<(u64, u64)>) -> Result<(), &'static str> {
        let object = self.open.last() == Some(&true);
        match byte {
            b',' if self.open.len() == 1 => self.state = State::Value { first: false },
            b',' if object => return self.go(byte, State::Key { first: false }),
            b',' => return self.go(byte, State::Value { first: false }),
            b'}' if object => return self.close(byte, out, map),
            b']' if !object => return self.close(byte, out, map),
            _ => return Err(if object { "`,` or `}`" } else { "`,` or `]`" }),
        }
        Ok(())
    }

    /// Closes the innermost container.
    fn close(&mut self, byte: u8, out: &mut Vec<u8>, map: &mut Vec<(u64, u64)>) -> Result<(), &'static str> {
        self.open.pop();
        if self.open.is_empty() {
            self.state = State::Done;
            return Ok(());
        }
        self.go(byte, State::After)?;
        self.end_value(out, map);
        Ok(())
    }

    /// Ends a value and, if it is an element of the array itself, gives it out.
    fn end_value(&mut self, out: &mut Vec<u8>, map: &mut Vec<(u64, u64)>) {
        self.state = State::After;
        if self.open.len() == 1 {
            out.extend_from_slice(&self.element);
            out.push(b'\n');
            map.push(self.begun);
            self.element.clear();
        }
    }
}
