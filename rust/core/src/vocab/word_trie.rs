//! The pieces of ASCII characters once more, as a trie over bytes whose nodes hold ranks: all that is asked for about a new
//! word lies close together.

use std::hint::select_unpredictable;

use super::memo::{self, WORD, Word};
use super::merges::{Merges, NEVER};
use super::node::MOST_PLACES;
use super::trie::{Nodes, bases};
use crate::memory::boxed;

/// Values of an ASCII byte.
const ASCII: usize = 128;
/// Places that a base and a byte can lead to.
const PLACES: usize = MOST_PLACES + ASCII;
/// The bits of a node that say where the nodes behind it are; above them lies the byte that leads to it, and its rank.
const BASE_BITS: u32 = 24;
const BASE: u64 = (1 << BASE_BITS) - 1;
const RANK: u32 = BASE_BITS + u8::BITS;

/// A double array, as [`Trie`](super::trie::Trie) is one.
#[derive(Debug)]
pub struct WordTrie {
    /// By byte where the nodes behind it are; 0 if there are none.
    bases: [u32; ASCII],
    places: Box<[u64; PLACES]>,
    symbols: Box<[u32; PLACES]>,
    /// The pieces as words, and the symbol of each.
    pub pieces: Vec<(Word, u32)>,
}

/// What a byte leads to.
pub struct Found {
    /// The rank of the piece that ends there, or [`NEVER`].
    pub rank: u32,
    /// Where the nodes behind it are; 0 if there are none.
    pub base: u32,
    /// For [`WordTrie::symbol`].
    pub place: u32,
}

impl WordTrie {
    /// From pieces, each as two or more ASCII bytes and its symbol; those that are longer than a word are left out. None if
    /// there is no room for all.
    pub fn new(pieces: impl Iterator<Item = (Vec<u32>, u32)>, merges: &Merges) -> Option<Self> {
        let mut pieces: Vec<(Vec<u32>, u32)> = pieces.filter(|(piece, _)| piece.len() <= WORD).collect();
        pieces.sort_unstable();
        let pieces: Vec<(&[u32], u32)> = pieces.iter().map(|(piece, symbol)| (&piece[..], *symbol)).collect();
        let Nodes { rows, tokens } = Nodes::new(&pieces, |byte| byte as usize, ASCII - 1, WORD + 1, MOST_PLACES)?;
        let bases = bases(&rows, MOST_PLACES)?;
        let (mut places, mut symbols) = (boxed(0), boxed(0));
        for (row, base) in rows.iter().zip(&bases) {
            for &(byte, node) in row {
                let rank = if tokens[node] == 0 { NEVER } else { merges.ranks[tokens[node] as usize] };
                places[base + byte] = bases[node] as u64 | (byte as u64) << BASE_BITS | u64::from(rank) << RANK;
                symbols[base + byte] = tokens[node];
            }
        }
        let pieces = pieces.iter().map(|&(piece, symbol)| (memo::word(piece), symbol)).collect();
        let bases = std::array::from_fn(|byte| if byte == 0 { 0 } else { bases[byte - 1] as u32 });
        Some(Self { bases, places, symbols, pieces })
    }

    /// Where the nodes behind an ASCII byte are.
    #[inline(always)]
    pub fn base(&self, byte: u8) -> u32 {
        self.bases[usize::from(byte) % ASCII]
    }

    /// What a byte leads to from the nodes at a base.
    #[inline(always)]
    pub fn next(&self, base: u32, byte: u8) -> Found {
        let place = base as usize % MOST_PLACES + usize::from(byte) % ASCII;
        let node = self.places[place];
        let is_there = (node >> BASE_BITS) as u8 == byte;
        Found {
            rank: select_unpredictable(is_there, (node >> RANK) as u32, NEVER),
            base: select_unpredictable(is_there, (node & BASE) as u32, 0),
            place: place as u32,
        }
    }

    /// The symbol of the piece that ends at a place.
    #[inline(always)]
    pub fn symbol(&self, place: u32) -> u32 {
        self.symbols[place as usize % PLACES]
    }
}
