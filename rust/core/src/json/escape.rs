//! Escapes: checking them, resolving them, writing them.

use super::blocks::{BLOCK, Blocks, at_every_level};

/// What follows a backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// A character, and the bytes that its escape takes with the backslash.
    Character(char, usize),
    /// Half of a surrogate pair, in six bytes.
    Lone,
}

/// The code unit of the four hexadecimal digits at `at`, or the byte that is none.
#[inline]
fn code_unit(line: &[u8], at: usize) -> Result<u32, usize> {
    let mut unit = 0;
    for position in at..at + 4 {
        let digit = line.get(position).and_then(|&byte| char::from(byte).to_digit(16)).ok_or(position)?;
        unit = unit << 4 | digit;
    }
    Ok(unit)
}

/// Reads the escape whose backslash is at `at`; an error is the byte at fault and what was expected there.
#[inline]
pub(super) fn read_escape(line: &[u8], at: usize) -> Result<Escape, (usize, &'static str)> {
    let character = match line.get(at + 1) {
        Some(b'n') => '\n',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return read_unicode_escape(line, at),
        _ => return Err((at + 1, "one of `\"\\/bfnrtu` after a backslash")),
    };
    Ok(Escape::Character(character, 2))
}

fn read_unicode_escape(line: &[u8], at: usize) -> Result<Escape, (usize, &'static str)> {
    let unit = code_unit(line, at + 2).map_err(|byte| (byte, "four hexadecimal digits after `\\u`"))?;
    if let Some(character) = char::from_u32(unit) {
        return Ok(Escape::Character(character, 6));
    }
    // A high surrogate counts only with a low one directly behind it; anything else is looked at by itself.
    if unit < 0xdc00
        && line.get(at + 6..at + 8) == Some(br"\u")
        && let Ok(low @ 0xdc00..=0xdfff) = code_unit(line, at + 8)
        && let Some(character) = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    {
        return Ok(Escape::Character(character, 12));
    }
    Ok(Escape::Lone)
}

/// Appends the text of a string to `text`: `raw` is what stands between its quotes, as the scanner accepted it.
///
/// Gives no error: an escape that the scanner would have refused is copied as it stands.
pub fn unescape_into(raw: &[u8], text: &mut Vec<u8>) {
    unescape_at_level(raw, text);
}

at_every_level! {
    fn unescape_at_level(raw: &[u8], text: &mut Vec<u8>) -> () = unescape_body
}

/// # Safety
/// The processor must have the level of `B`.
#[inline(always)]
unsafe fn unescape_body<B: Blocks>(raw: &[u8], text: &mut Vec<u8>) {
    text.reserve(raw.len() + 2 * BLOCK);
    let length = text.len();
    // SAFETY: the caller has the level; room for `raw` and two blocks was made.
    let (at, written) = unsafe { unescape_blocks::<B>(raw, 0, raw.len(), text.as_mut_ptr().add(length)) };
    // The rest is shorter than a block; filled up, it can be taken in whole blocks too.
    let rest = raw.get(at..).unwrap_or_default();
    let mut padded = [0; 2 * BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    // SAFETY: the caller has the level. `written` is at most `at`, so there is room for the rest and two blocks.
    let (_, more) = unsafe { unescape_blocks::<B>(&padded, 0, rest.len(), text.as_mut_ptr().add(length + written)) };
    // SAFETY: both calls together wrote so many bytes, all of them within the capacity.
    unsafe { text.set_len(length + written + more) };
}

/// Resolves the escapes of `raw` from `at` until `end` is reached or no whole block is left; gives the bytes read and
/// the bytes written to `target`, which are never more.
///
/// # Safety
/// The processor must have the level of `B`, and `target` room for `end - at` bytes and two blocks.
#[inline(always)]
unsafe fn unescape_blocks<B: Blocks>(raw: &[u8], mut at: usize, end: usize, target: *mut u8) -> (usize, usize) {
    let mut written = 0;
    while at < end
        && let Some(block) = raw.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>)
    {
        // The whole block is copied; what was too much is overwritten by what comes next.
        // SAFETY: `written <= at`, so that `target` has room for a block; the two do not overlap.
        unsafe { target.add(written).copy_from_nonoverlapping(block.as_ptr(), BLOCK) };
        // SAFETY: the caller has the level.
        let mask = unsafe { B::backslash(block) };
        let plain = (mask.trailing_zeros() as usize).min(end - at);
        at += plain;
        written += plain;
        if plain < BLOCK && at < end {
            let mut utf8 = [0; 4];
            let (width, length) = resolve(&raw[..end], at, &mut utf8);
            // SAFETY: `written <= at` and `at < end`, so that `target` has room for four bytes.
            unsafe { target.add(written).copy_from_nonoverlapping(utf8.as_ptr(), utf8.len()) };
            at += length;
            written += width;
        }
    }
    (at, written)
}

/// What the escape at `at` stands for: the bytes of its UTF-8, and the bytes that the escape takes, which are more.
#[inline(always)]
fn resolve(raw: &[u8], at: usize, utf8: &mut [u8; 4]) -> (usize, usize) {
    match read_escape(raw, at) {
        Ok(Escape::Character(character, length)) => (character.encode_utf8(utf8).len(), length),
        Ok(Escape::Lone) | Err(_) => {
            utf8[0] = b'\\';
            (1, 1)
        }
    }
}

/// Appends `text` as a JSON string with its quotes. Only `"`, `\` and control characters are escaped.
pub fn write_string(text: &[u8], line: &mut Vec<u8>) {
    line.reserve(text.len() + 2);
    line.push(b'"');
    let mut at = 0;
    while at < text.len() {
        let special = super::find_special(text, at);
        line.extend_from_slice(&text[at..special]);
        let Some(&byte) = text.get(special) else { break };
        match byte {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\r' => line.extend_from_slice(b"\\r"),
            8 => line.extend_from_slice(b"\\b"),
            12 => line.extend_from_slice(b"\\f"),
            _ => {
                line.extend_from_slice(b"\\u00");
                line.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        at = special + 1;
    }
    line.push(b'"');
}
