//! The characters of a text, by their codes.

use super::node::{Node, UNKNOWN};
use crate::memory::boxed;

/// Ids of a character that stands alone at most.
const IDS: usize = 3;

const BASIC: usize = 1 << 16;
const PAGE: usize = 1 << 8;

/// The code of a character of three bytes with one more behind it, or None if they are not one.
#[inline(always)]
pub fn of_three(bytes: [u8; 4]) -> Option<usize> {
    let bytes = u32::from_le_bytes(bytes);
    let code = (bytes & 0x0f) << 12 | (bytes >> 2 & 0xfc0) | (bytes >> 16 & 0x3f);
    (bytes & 0xf0 == 0xe0).then_some(code as usize)
}

/// A table of all characters, each as its node at the start of a piece; the token of one without a symbol is [`UNKNOWN`]
/// and its code.
///
/// Small numbers lead to the nodes, so that all that is asked for often lies close together.
#[derive(Debug)]
pub struct Characters {
    /// For those of the basic plane which node they are, 0 for one without a symbol.
    places: Box<[u16; BASIC]>,
    nodes: Box<[Node; BASIC]>,
    /// Nodes that are taken; the first is that of characters without a symbol.
    count: u16,
    /// For those of the basic plane their ids, and how many these are: none where they depend on what stands beside it.
    alone: Box<[[u32; IDS + 1]; BASIC]>,
    /// Where the page of a later character starts in `later`.
    pages: Vec<u32>,
    /// Pages of characters; the first is of none. [`Node::NOTHING`] stands for an unknown one.
    later: Vec<Node>,
}

impl Characters {
    /// All unknown.
    pub fn new() -> Self {
        Self {
            places: boxed(0),
            nodes: boxed(Node::NOTHING),
            count: 1,
            alone: boxed([0; IDS + 1]),
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
            0 => Node::alone(UNKNOWN | (code % BASIC) as u32),
            place => self.nodes[usize::from(place)],
        }
    }

    /// The ids of a character of the basic plane, and how many these are; none if they depend on what stands beside it.
    #[inline(always)]
    pub fn alone(&self, code: usize) -> &[u32; IDS + 1] {
        &self.alone[code % BASIC]
    }

    /// Says what the ids of a character of the basic plane are if they do not depend on what stands beside it.
    pub fn set_alone(&mut self, code: usize, ids: &[u32]) {
        self.alone[code] = [0; IDS + 1];
        self.alone[code][..ids.len()].copy_from_slice(ids);
        self.alone[code][IDS] = ids.len() as u32;
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
        if node == Node::alone(UNKNOWN | code as u32) {
            self.places[code] = 0;
        } else if self.places[code] == 0 {
            self.places[code] = self.count;
            self.nodes[usize::from(self.count)] = node;
            self.count += 1;
        } else {
            self.nodes[usize::from(self.places[code])] = node;
        }
    }
}
