//! The normalisation that a sentencepiece model carries: longest replacements of a table, and whitespace.

use super::ModelError;

/// What stands for a space in pieces.
pub const SPACE: u32 = 0x2581;

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

    /// Sets `characters` to the normalised text: with a leading [`SPACE`], no other at the start or the end, and none
    /// at all if nothing is left.
    pub fn normalise(&self, text: &str, characters: &mut Vec<u32>) {
        characters.clear();
        characters.push(SPACE);
        let bytes = text.as_bytes();
        let mut after_space = true;
        let mut position = 0;
        while position < bytes.len() {
            let (character, len) = decode(&bytes[position..]);
            if !self.may_match(character, bytes.get(position + len).copied()) {
                position += len;
                if character == 0x20 {
                    if !after_space {
                        characters.push(SPACE);
                        after_space = true;
                    }
                } else {
                    characters.push(character);
                    after_space = false;
                }
                continue;
            }
            let rest = &text[position..];
            let (replacement, consumed) = self.longest(rest).unwrap_or((&rest[..len], len));
            position += consumed;
            let kept = if after_space { replacement.trim_start_matches(' ') } else { replacement };
            characters.extend(kept.chars().map(|kept| if kept == ' ' { SPACE } else { u32::from(kept) }));
            if let Some(last) = kept.chars().next_back() {
                after_space = last == ' ';
            }
        }
        while characters.last() == Some(&SPACE) {
            characters.pop();
        }
    }
}

/// The first character of bytes that are UTF-8 and not empty, and its length.
#[inline]
fn decode(bytes: &[u8]) -> (u32, usize) {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default()) & 0x3f;
    let first = u32::from(bytes[0]);
    match bytes[0] {
        0..0x80 => (first, 1),
        0x80..0xe0 => ((first & 0x1f) << 6 | byte(1), 2),
        0xe0..0xf0 => ((first & 0x0f) << 12 | byte(1) << 6 | byte(2), 3),
        _ => ((first & 0x07) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3), 4),
    }
}
