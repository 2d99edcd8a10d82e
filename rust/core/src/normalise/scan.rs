//! Where a text may have to change: a quick look at whole blocks, then a table look at their characters.

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfc_quick, is_nfkc_quick};

use super::{Form, Settings, simplified, steps};
use crate::dispatch;

/// Bytes that one look covers.
const BLOCK: usize = 64;
/// Bytes behind a block that the look needs, for characters and line ends that begin in it.
const AHEAD: usize = 3;
const WORDS: usize = 0x1_0000 / 64;

/// Which characters no step changes, alone or beside others; only a blank at the end of a line may still go.
#[derive(Clone, Debug)]
pub(super) struct Stable {
    settings: Settings,
    /// One bit for each character below U+10000.
    low: Box<[u64]>,
    /// Whether the look at whole blocks knows every character that these settings change.
    blocks: bool,
}

impl Stable {
    pub(super) fn new(settings: Settings) -> Self {
        let mut low = vec![0_u64; WORDS].into_boxed_slice();
        for point in 0..0x1_0000_u32 {
            if char::from_u32(point).is_some_and(|character| is_stable(settings, character)) {
                low[point as usize / 64] |= 1 << (point % 64);
            }
        }
        let blocks = settings.form != Form::Nfkc && !settings.width && !settings.simplified;
        Self { settings, low, blocks }
    }

    /// Whether the end of a text may have to go.
    #[inline]
    pub(super) fn may_change_end(&self, text: &[u8]) -> bool {
        // Blanks of more bytes end as so many characters do: that they are blanks is asked then.
        self.settings.trailing_blanks
            && match text.last() {
                Some(b' ' | b'\t' | b'\n') => true,
                Some(0x80..=0x8a | 0x9f | 0xa0 | 0xaf) => ends_with_blank(text),
                _ => false,
            }
    }

    /// The first byte at or after `from`, which begins a character, that may have to change.
    ///
    /// `bytes` may be many texts behind each other. The ends of texts are not looked at.
    #[inline]
    pub(super) fn next_suspect(&self, bytes: &[u8], mut from: usize) -> Option<usize> {
        while from < bytes.len() {
            if self.blocks {
                from = first_odd_block(bytes, from);
            }
            let end = if self.blocks { from.saturating_add(BLOCK).min(bytes.len()) } else { bytes.len() };
            match self.walk(bytes, from, end) {
                Ok(suspect) => return Some(suspect),
                Err(next) => from = next,
            }
        }
        None
    }

    /// Looks at each character that begins from `at` to `end`: the first suspect one, else where to go on.
    fn walk(&self, bytes: &[u8], mut at: usize, end: usize) -> Result<usize, usize> {
        while at < end {
            let Some((point, length)) = decode(&bytes[at..]) else {
                // The middle of a character, at the beginning of a block.
                at += 1;
                continue;
            };
            let stable = match self.low.get(point as usize / 64) {
                Some(word) => word >> (point % 64) & 1 == 1,
                None => char::from_u32(point).is_some_and(|character| is_stable(self.settings, character)),
            };
            let before_line_end = || bytes.get(at + length) == Some(&b'\n') && self.settings.trailing_blanks;
            if !stable || is_blank(point) && before_line_end() {
                return Ok(at);
            }
            at += length;
        }
        Err(at)
    }
}

fn is_stable(settings: Settings, character: char) -> bool {
    let one = || std::iter::once(character);
    let composed = match settings.form {
        Form::None => true,
        Form::Nfc => is_nfc_quick(one()) == IsNormalized::Yes && canonical_combining_class(character) == 0,
        Form::Nfkc => is_nfkc_quick(one()) == IsNormalized::Yes && canonical_combining_class(character) == 0,
    };
    composed
        && !(settings.control_characters && steps::controls(character) != steps::Control::Stays)
        && !(settings.width && steps::half_width(character) != character)
        && !(settings.simplified && simplified::is_traditional(character))
}

/// Whether a code point is a blank within a line, as Unicode's property `White_Space` has it.
#[inline]
pub(super) fn is_blank(point: u32) -> bool {
    matches!(point, 0x20 | 0x09 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000)
}

#[cold]
fn ends_with_blank(text: &[u8]) -> bool {
    let start = text.iter().rposition(|byte| !matches!(byte, 0x80..=0xbf)).unwrap_or_default();
    decode(&text[start..]).is_some_and(|(point, _)| is_blank(point))
}

/// The first character and its length; nothing in the middle of one. `bytes` is UTF-8 from some byte on.
#[inline(always)]
fn decode(bytes: &[u8]) -> Option<(u32, usize)> {
    let part = |at: usize| bytes.get(at).map(|&byte| u32::from(byte & 0x3f));
    let first = u32::from(*bytes.first()?);
    Some(match first {
        0x00..=0x7f => (first, 1),
        0xc0..=0xdf => ((first & 0x1f) << 6 | part(1)?, 2),
        0xe0..=0xef => ((first & 0xf) << 12 | part(1)? << 6 | part(2)?, 3),
        0xf0..=0xff => ((first & 7) << 18 | part(1)? << 12 | part(2)? << 6 | part(3)?, 4),
        _ => return None,
    })
}

dispatch! {
    /// The first block, of those that lie one behind the other from `from` on, with a byte that must be looked at; the
    /// length of `bytes` without one.
    fn first_odd_block(bytes: &[u8], from: usize) -> usize = first_odd_block_body
}

#[inline(always)]
fn first_odd_block_body(bytes: &[u8], mut from: usize) -> usize {
    while let Some(window) = bytes.get(from..).and_then(<[u8]>::first_chunk::<{ BLOCK + AHEAD }>) {
        if is_odd(window) {
            return from;
        }
        from += BLOCK;
    }
    let rest = bytes.get(from..).unwrap_or_default();
    for (index, part) in rest.chunks(BLOCK).enumerate() {
        // Filled up with a letter, which no step changes.
        let mut window = [b'a'; BLOCK + AHEAD];
        let part = rest.get(index * BLOCK..index * BLOCK + part.len() + AHEAD).unwrap_or(&rest[index * BLOCK..]);
        window[..part.len()].copy_from_slice(part);
        if is_odd(&window) {
            return from + index * BLOCK;
        }
    }
    bytes.len()
}

/// Whether a character may change that begins in the first bytes of the window, all but the last three.
///
/// Not odd are ASCII, Latin, Greek, Cyrillic, Chinese, kana and hangul with their usual punctuation; what else there
/// is must be looked at in the table. No way out in the middle, so that the loop becomes vectors.
#[inline(always)]
fn is_odd(window: &[u8; BLOCK + AHEAD]) -> bool {
    let mut odd = 0_u8;
    for at in 0..BLOCK {
        let (a, b, c, d) = (window[at], window[at + 1], window[at + 2], window[at + 3]);
        let within = |byte: u8, first: u8, last: u8| u8::from(byte.wrapping_sub(first) <= last - first);
        let is = |byte: u8, value: u8| u8::from(byte == value);
        let control = within(a, 0, 0x1f) & (is(a, b'\n') ^ 1) & (is(a, b'\t') ^ 1) | is(a, 0x7f);
        let blank = (is(a, b' ') | is(a, b'\t')) & is(b, b'\n');
        let no_break_space = is(a, 0xc2) & is(b, 0xa0) & is(c, b'\n');
        // U+0300 to U+036F and the rest of these rows, U+0387, Armenian and on: all but Greek and Cyrillic letters.
        let marks = within(a, 0xcc, 0xcd) | is(a, 0xce) & is(b, 0x87) | within(a, 0xd2, 0xe1);
        // Of U+2000 to U+2FFF only the dashes, quotes and dots of U+2010 to U+2027 and U+2030 to U+203F are usual.
        let usual = is(b, 0x80) & (within(c, 0x90, 0xa7) | within(c, 0xb0, 0xbf));
        let symbols = is(a, 0xe2) & (usual ^ 1);
        let ideographic = is(b, 0x80) & (within(c, 0xaa, 0xaf) | is(c, 0x80) & is(d, b'\n'));
        let kana = is(a, 0xe3) & (ideographic | is(b, 0x82) & within(c, 0x99, 0x9a));
        let high = is(a, 0xea) & within(b, 0x80, 0xaf) | within(a, 0xf0, 0xff);
        let forms = is(a, 0xef) & (within(b, 0x80, 0xbb) | is(b, 0xbf) & within(c, 0xb9, 0xbf));
        odd |= control | blank | no_break_space | marks | symbols | kana | high | forms;
    }
    odd != 0
}
