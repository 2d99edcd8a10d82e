//! The characters of a text, by their codes.

use super::node::{Node, UNKNOWN};

/// Marks the token of a character that is joined with others.
pub const JOINED: u32 = 1 << 31;

const BASIC: usize = 1 << 16;
const PAGE: usize = 1 << 8;

/// The code of a character of three bytes, or None if these are not one.
#[inline(always)]
pub fn of_three(bytes: [u8; 3]) -> Option<usize> {
    let [first, second, third] = bytes.map(usize::from);
    (first & 0xf0 == 0xe0).then_some((first & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f))
}

/// A table of all characters, each as its node at the start of a piece; the token of one without a symbol is [`UNKNOWN`]
/// and its code.
///
/// Small numbers lead to the nodes, so that all that is asked for often lies close together.
#[derive(Debug)]
pub struct Characters {
    /// For those of the basic plane which node they are, 0 for one without a symbol.
    places: Box<[u16; BASIC]>,
    nodes: Vec<Node>,
    /// For those of the basic plane their tokens, marked with [`JOINED`] if they stand in longer pieces.
    tokens: Box<[u32; BASIC]>,
    /// Where the page of a later character starts in `later`.
    pages: Vec<u32>,
    /// Pages of characters; the first is of none. [`Node::NOTHING`] stands for an unknown one.
    later: Vec<Node>,
}

impl Characters {
    /// All unknown.
    // They go to the heap, but only an array knows its length where it is asked.
    #[allow(clippy::large_stack_arrays)]
    pub fn new() -> Self {
        let mut tokens = Box::new([UNKNOWN; BASIC]);
        tokens.iter_mut().zip(0..).for_each(|(token, code)| *token |= code);
        Self {
            places: Box::new([0; BASIC]),
            nodes: vec![Node::NOTHING],
            tokens,
            pages: vec![0; (0x11_0000 - BASIC) / PAGE],
            later: vec![Node::NOTHING; PAGE],
        }
    }

    /// The node of a code below 0x110000.
    #[inline(always)]
    pub fn get(&self, code: u32) -> Node {
        if (code as usize) < BASIC { self.get_basic(code as usize) } else { self.get_later(code) }
    }

    /// The node of a character of the basic plane.
    #[inline(always)]
    pub fn get_basic(&self, code: usize) -> Node {
        match self.places[code % BASIC] {
            0 => Node::alone(self.tokens[code % BASIC]),
            place => self.nodes[usize::from(place)],
        }
    }

    /// The token of a character of the basic plane, marked with [`JOINED`] if it stands in longer pieces.
    #[inline(always)]
    pub fn token(&self, code: usize) -> u32 {
        self.tokens[code % BASIC]
    }

    #[cold]
    fn get_later(&self, code: u32) -> Node {
        let at = code as usize - BASIC;
        match self.later[self.pages[at / PAGE] as usize + at % PAGE] {
            Node::NOTHING => Node::alone(UNKNOWN | code),
            node => node,
        }
    }

    /// Says what a character is.
    pub fn set(&mut self, character: char, node: Node) {
        let code = character as usize;
        if code >= BASIC {
            let at = code - BASIC;
            if self.pages[at / PAGE] == 0 {
                self.pages[at / PAGE] = self.later.len() as u32;
                self.later.resize(self.later.len() + PAGE, Node::NOTHING);
            }
            self.later[self.pages[at / PAGE] as usize + at % PAGE] = node;
            return;
        }
        self.tokens[code] = node.token() | if node.is_alone() { 0 } else { JOINED };
        if node.is_marked(UNKNOWN) {
            self.places[code] = 0;
        } else if self.places[code] == 0 {
            self.places[code] = self.nodes.len() as u16;
            self.nodes.push(node);
        } else {
            self.nodes[usize::from(self.places[code])] = node;
        }
    }
}
