//! A small hash that is the same on every machine, for the identity of words.

/// FNV-1a of 64 bits: words are a few bytes long.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// A hash of things of one kind; kinds do not meet.
    pub fn new(kind: u8) -> Self {
        let mut hash = Self(0xcbf2_9ce4_8422_2325);
        hash.byte(kind);
        hash
    }

    /// Takes in a byte.
    pub fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    /// Takes in a text.
    pub fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    /// The hash so far, for tables.
    pub fn finish(self) -> u64 {
        self.0
    }

    /// The hash so far in half the space, for the words of a text: two unlike words of a pair meet once in four billion.
    pub fn key(self) -> u32 {
        fold(self.0)
    }
}

/// The key that belongs to a hash of 64 bits.
pub fn fold(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

/// The identity of a word.
pub fn word(text: &str) -> Hash {
    let mut hash = Hash::new(b'w');
    hash.text(text);
    hash
}
