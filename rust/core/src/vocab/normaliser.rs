//! The normalisation that a sentencepiece model carries: longest replacements of a table, and whitespace.

use super::ModelError;
use super::matcher::Matcher;
use super::model::Spaces;

/// What stands for a space in pieces.
pub const SPACE: char = '\u{2581}';

/// A normaliser: a double array over bytes, whose leaves say where in `replacements` the new text starts.
pub struct Normaliser {
    units: Vec<u32>,
    /// Texts that each end with a zero byte.
    replacements: String,
    /// A bit for each character of the basic plane that some key of the table starts with.
    starts_key: Box<[u64]>,
    /// For ASCII: whether a key of more than this character goes on with another ASCII character, or is it alone.
    ascii_alone: [bool; 128],
}

const fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & 0x200) >> 6)
}

/// What a byte of the walk found.
enum Step {
    Dead,
    Inner,
    Leaf(u32),
}

impl Normaliser {
    /// From the field `precompiled_charsmap`; an empty one replaces nothing.
    pub fn new(charsmap: &[u8]) -> Result<Self, ModelError> {
        let malformed = |rule, byte| ModelError::Malformed { rule, byte };
        let (units, replacements) = if charsmap.is_empty() {
            (Vec::new(), String::new())
        } else {
            let (size, rest) =
                charsmap.split_first_chunk::<4>().ok_or(malformed("the normalisation table breaks off", 0))?;
            let size = u32::from_le_bytes(*size) as usize;
            let (trie, texts) =
                rest.split_at_checked(size).ok_or(malformed("the normalisation table breaks off", charsmap.len()))?;
            let (units, odd) = trie.as_chunks::<4>();
            if units.is_empty() || !odd.is_empty() {
                return Err(malformed("the normalisation table has an odd size", 0));
            }
            let texts = std::str::from_utf8(texts)
                .map_err(|error| malformed("replacements are not UTF-8", 4 + size + error.valid_up_to()))?;
            if !texts.is_empty() && !texts.ends_with('\0') {
                return Err(malformed("the last replacement has no end", charsmap.len()));
            }
            (units.iter().map(|&unit| u32::from_le_bytes(unit)).collect(), texts.to_owned())
        };
        let mut normaliser =
            Self { units, replacements, starts_key: vec![0; 1 << 10].into(), ascii_alone: [false; 128] };
        normaliser.find_starts();
        Ok(normaliser)
    }

    fn root(&self) -> u32 {
        self.units.first().map_or(0, |&unit| offset(unit))
    }

    fn step(&self, node: &mut u32, byte: u8) -> Step {
        *node ^= u32::from(byte);
        let Some(&unit) = self.units.get(*node as usize) else { return Step::Dead };
        if unit & 0x8000_00ff != u32::from(byte) {
            return Step::Dead;
        }
        *node ^= offset(unit);
        if unit & 0x100 == 0 {
            return Step::Inner;
        }
        self.units.get(*node as usize).map_or(Step::Inner, |&leaf| Step::Leaf(leaf & 0x7fff_ffff))
    }

    fn find_starts(&mut self) {
        if self.units.is_empty() {
            return;
        }
        let mut bytes = [0; 4];
        for character in (0..0x1_0000).filter_map(char::from_u32) {
            let mut node = self.root();
            let walk = character.encode_utf8(&mut bytes).bytes();
            if walk.map(|byte| self.step(&mut node, byte)).all(|step| !matches!(step, Step::Dead)) {
                let code = character as usize;
                self.starts_key[code / 64] |= 1 << (code % 64);
                if code < 128 {
                    let mut root = self.root();
                    let leaf = matches!(self.step(&mut root, code as u8), Step::Leaf(_));
                    let on = (0..128).any(|next| !matches!(self.step(&mut { node }, next), Step::Dead));
                    self.ascii_alone[code] = !leaf && !on;
                }
            }
        }
    }

    /// The longest key at the start of `rest`: its replacement and length.
    fn longest<'a>(&'a self, rest: &str) -> Option<(&'a str, usize)> {
        let mut node = self.root();
        let mut found = None;
        if self.units.is_empty() {
            return None;
        }
        for (position, byte) in rest.bytes().enumerate() {
            match self.step(&mut node, byte) {
                Step::Dead => break,
                Step::Inner => {}
                Step::Leaf(value) => found = Some((value as usize, position + 1)),
            }
        }
        let (value, len) = found?;
        if !rest.is_char_boundary(len) {
            return None;
        }
        let replacement = self.replacements.get(value..)?;
        Some((&replacement[..replacement.find('\0')?], len))
    }

    /// Whether a key of the table may match where `character` stands and `next` follows it.
    #[inline]
    fn may_match(&self, character: u32, next: Option<u8>) -> bool {
        let Some(word) = self.starts_key.get(character as usize / 64) else { return true };
        if word >> (character % 64) & 1 == 0 {
            return false;
        }
        match self.ascii_alone.get(character as usize) {
            Some(true) => next.is_some_and(|next| next >= 0x80),
            _ => true,
        }
    }

    /// Appends the normalised text to `output`, without the space that is put before or behind it; says whether there
    /// is anything to encode, be it that space alone.
    ///
    /// Pieces of `kept` stay as they are, but for their spaces. Nothing is done about how spaces are written, but where
    /// that is as [`SPACE`] this goes at the end too.
    pub fn normalise(&self, text: &str, spaces: Spaces, kept: Option<&Matcher>, output: &mut impl Output) -> bool {
        let remove = spaces.remove_extra;
        // With a suffix a text of nothing but spaces is empty, and one of characters that go is that suffix.
        if text.is_empty() || (remove && spaces.as_suffix && self.is_blank(text, kept)) {
            return false;
        }
        let bytes = text.as_bytes();
        let mut after_space = remove;
        let mut position = 0;
        let mut left = false;
        while position < bytes.len() {
            let (character, len) = decode(&bytes[position..]);
            if kept.is_none() && !self.may_match(character, bytes.get(position + len).copied()) {
                position += len;
                if character == 0x20 {
                    if !after_space {
                        output.push(' ');
                        after_space = remove;
                    }
                } else {
                    output.push(char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER));
                    after_space = false;
                    left = true;
                }
                continue;
            }
            let (replacement, consumed) = self.prefix(&text[position..], len, kept);
            position += consumed;
            let added = if after_space { replacement.trim_start_matches(' ') } else { replacement };
            added.chars().for_each(|character| output.push(character));
            if let Some(last) = added.chars().next_back() {
                after_space = remove && last == ' ';
                left = true;
            }
        }
        if remove {
            left = output.trim_end(|last| last == ' ' || (spaces.escape && last == SPACE)) && left;
        }
        left || spaces.as_suffix || !remove
    }

    /// What stands for the first character or characters of `rest`, and their length; the first has `len` bytes.
    fn prefix<'a>(&'a self, rest: &'a str, len: usize, kept: Option<&Matcher>) -> (&'a str, usize) {
        if let Some((len, _)) = kept.and_then(|kept| kept.longest(rest, |character| character)) {
            return (&rest[..len], len);
        }
        self.longest(rest).unwrap_or((&rest[..len], len))
    }

    fn is_blank(&self, text: &str, kept: Option<&Matcher>) -> bool {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match self.prefix(rest, first.len_utf8(), kept) {
                (" ", consumed) => rest = &rest[consumed..],
                _ => return false,
            }
        }
        true
    }

    /// Whether no text is changed by the table.
    pub fn is_identity(&self) -> bool {
        self.units.is_empty()
    }
}

/// Where a normalised text goes.
pub trait Output {
    /// Appends a character.
    fn push(&mut self, character: char);
    /// Takes characters away from the end; says whether any is left.
    fn trim_end(&mut self, goes: impl Fn(char) -> bool) -> bool;
}

/// Characters as pieces have them: a space is [`SPACE`].
impl Output for Vec<u32> {
    fn push(&mut self, character: char) {
        self.push(u32::from(if character == ' ' { SPACE } else { character }));
    }

    fn trim_end(&mut self, goes: impl Fn(char) -> bool) -> bool {
        while self.pop_if(|last| char::from_u32(*last).is_some_and(&goes)).is_some() {}
        !self.is_empty()
    }
}

impl Output for String {
    fn push(&mut self, character: char) {
        self.push(character);
    }

    fn trim_end(&mut self, goes: impl Fn(char) -> bool) -> bool {
        self.truncate(self.trim_end_matches(goes).len());
        !self.is_empty()
    }
}

/// The first character of bytes that are UTF-8 and not empty, and its length.
#[inline]
pub fn decode(bytes: &[u8]) -> (u32, usize) {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default()) & 0x3f;
    let first = u32::from(bytes[0]);
    match bytes[0] {
        0..0x80 => (first, 1),
        0x80..0xe0 => ((first & 0x1f) << 6 | byte(1), 2),
        0xe0..0xf0 => ((first & 0x0f) << 12 | byte(1) << 6 | byte(2), 3),
        _ => ((first & 0x07) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3), 4),
    }
}
