//! What a character, or the beginning of a piece, is to the encoder: a node of the trie of pieces, in one word.

/// The bits of a node that say where the nodes behind it are.
const BASE_BITS: u32 = 22;
const BASE: u64 = (1 << BASE_BITS) - 1;
/// The bits of a token: a symbol and marks.
const TOKEN_BITS: u32 = 26;
/// Above these lies the number of the character that leads to the node.
const NUMBER: u32 = BASE_BITS + TOKEN_BITS;

/// Places that nodes may have.
pub const MOST_PLACES: usize = 1 << BASE_BITS;
/// Characters of longer pieces that there may be, with 0 for none.
pub const MOST_CHARACTERS: usize = 1 << (u64::BITS - NUMBER);

/// The bits of a token that hold a symbol, or the code of a character without one.
pub const SYMBOL: u32 = (1 << 21) - 1;
/// The token is a character that is no symbol.
pub const UNKNOWN: u32 = 1 << 21;
/// The token is a character with which a user-defined piece may start.
pub const STARTS_DEFINED: u32 = 1 << 22;
/// The token is no character but a word: instead of a symbol it holds which of the words of the block.
pub const WORD: u32 = 1 << 23;
/// The token lies so deep that nothing behind it is in the trie.
pub const DEEP: u32 = 1 << 24;
/// The token is no character but the end of a text.
pub const END: u32 = 1 << 25;

/// A node, which leads from one character to the next, and a token, which says what ends there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node(u64);

impl Node {
    /// Leads nowhere, and nothing leads to it.
    pub const NOTHING: Self = Self(0);

    /// The node of a token to which the character with this number leads; those behind it are from `base` on.
    pub const fn new(base: usize, token: u32, number: usize) -> Self {
        Self(base as u64 | (token as u64) << BASE_BITS | (number as u64) << NUMBER)
    }

    /// From its bits; nothing is 0.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A character that is joined with no other.
    pub const fn alone(token: u32) -> Self {
        Self::new(0, token, 0)
    }

    /// Itself with a marked token.
    pub fn marked(self, marks: u32) -> Self {
        Self(self.0 | u64::from(marks) << BASE_BITS)
    }

    /// Its symbol and marks.
    #[inline(always)]
    pub fn token(self) -> u32 {
        (self.0 >> BASE_BITS) as u32 & ((1 << TOKEN_BITS) - 1)
    }

    /// The symbol of its token.
    #[inline(always)]
    pub fn symbol(self) -> u32 {
        (self.0 >> BASE_BITS) as u32 & SYMBOL
    }

    /// Whether its token has one of these marks.
    #[inline(always)]
    pub fn is_marked(self, marks: u32) -> bool {
        self.0 & u64::from(marks) << BASE_BITS != 0
    }

    /// Whether a piece ends there.
    #[inline(always)]
    pub fn is_piece(self) -> bool {
        self.is_marked(SYMBOL)
    }

    /// Where the nodes behind it are; 0 if there are none.
    #[inline(always)]
    pub fn base(self) -> usize {
        (self.0 & BASE) as usize
    }

    /// Whether there are nodes behind it.
    #[inline(always)]
    pub fn goes_on(self) -> bool {
        self.0 & BASE != 0
    }

    /// The number of the character that leads to it; 0 if none does.
    #[inline(always)]
    pub fn number(self) -> usize {
        (self.0 >> NUMBER) as usize
    }

    /// Whether a character stands in no piece but its own.
    #[inline(always)]
    pub fn is_alone(self) -> bool {
        self.0 & !(((1 << TOKEN_BITS) - 1) << BASE_BITS) == 0
    }
}
