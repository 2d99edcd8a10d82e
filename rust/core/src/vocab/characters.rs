//! What a character is to the encoder, by its code.

use super::queue::ALONE;

/// No piece has it; the low bits are its code.
pub const UNKNOWN: u32 = 1 << 31;
/// It is a piece, and stands in no longer one. All entries from here on stand alone.
pub const SINGLE: u32 = ALONE;
/// A user-defined piece may start with it.
pub const STARTS_DEFINED: u32 = 1 << 29;
/// It follows an ASCII character or a space in some piece.
pub const AFTER_ASCII: u32 = 1 << 28;
/// It stands before an ASCII character or a space in some piece.
pub const BEFORE_ASCII: u32 = 1 << 27;
/// It is an ASCII character or a space that is a symbol.
pub const ASCII: u32 = 1 << 26;
/// With [`SINGLE`]: it is no character but a word, and the low bits say where its ids are remembered.
pub const WORD: u32 = 1 << 25;
/// The bits of a symbol or code.
pub const VALUE: u32 = (1 << 21) - 1;

const BASIC: usize = 1 << 16;
const PAGE: usize = 1 << 8;

/// A table of all characters. An entry without [`UNKNOWN`] holds a symbol.
#[derive(Debug)]
pub struct Characters {
    /// Those of the basic plane.
    basic: Box<[u32; BASIC]>,
    /// Where the page of a later character starts in `later`.
    pages: Vec<u32>,
    /// Pages of characters; the first is of none. 0 stands for an unknown one.
    later: Vec<u32>,
}

impl Characters {
    /// All unknown.
    // It goes to the heap, but only an array knows its length where it is asked.
    #[allow(clippy::large_stack_arrays)]
    pub fn new() -> Self {
        let mut basic = Box::new([UNKNOWN; BASIC]);
        basic.iter_mut().zip(0..).for_each(|(entry, code)| *entry |= code);
        Self { basic, pages: vec![0; (0x11_0000 - BASIC) / PAGE], later: vec![0; PAGE] }
    }

    /// The entry of a code below 0x110000.
    #[inline(always)]
    pub fn get(&self, code: u32) -> u32 {
        if let Some(&entry) = self.basic.get(code as usize) {
            return entry;
        }
        self.get_later(code)
    }

    /// The entry of a character of three bytes, of which the first are given, or None if it is none such.
    #[inline(always)]
    pub fn of_three(&self, bytes: [u8; 3]) -> Option<(u32, u32)> {
        let [first, second, third] = bytes.map(u32::from);
        let code = (first & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f);
        (first & 0xf0 == 0xe0).then(|| (code, self.basic[code as usize]))
    }

    #[cold]
    fn get_later(&self, code: u32) -> u32 {
        let at = code as usize - BASIC;
        match self.later[self.pages[at / PAGE] as usize + at % PAGE] {
            0 => UNKNOWN | code,
            entry => entry,
        }
    }

    /// The place for the entry of a character.
    pub fn entry(&mut self, character: char) -> &mut u32 {
        let code = character as usize;
        if code < BASIC {
            return &mut self.basic[code];
        }
        let at = code - BASIC;
        if self.pages[at / PAGE] == 0 {
            self.pages[at / PAGE] = self.later.len() as u32;
            self.later.resize(self.later.len() + PAGE, 0);
        }
        let entry = &mut self.later[self.pages[at / PAGE] as usize + at % PAGE];
        if *entry == 0 {
            *entry = UNKNOWN | code as u32;
        }
        entry
    }
}
