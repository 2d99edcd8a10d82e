//! The pieces of a model as a trie over characters, to find those that start at a place of a text.

use std::collections::HashMap;
use std::hint::select_unpredictable;

use super::characters::{ASCII, VALUE};
use super::merges::{FIRST, NOTHING};
use super::pair_table::PairTable;
use super::symbols::MOST_SYMBOLS;

/// What a pair of characters is that stands in a piece, but at the start of none.
pub const INSIDE: u32 = 1;
/// What a node is that lies so deep that nothing behind it is in the trie.
pub const DEEP: u32 = 2;
/// Characters of a piece that is in the trie at most.
pub const DEPTH: usize = 16;
/// Marks a node that others follow.
pub const GOES_ON: u32 = 1 << 21;
/// The bits of a node: the symbol of a piece, or a number above those of all symbols.
pub const NODE: u32 = GOES_ON - 1;

/// A trie of pieces. The first two characters of a way are looked up together, the others one by one.
#[derive(Debug)]
pub struct Trie {
    /// Characters that are neighbours in a piece: the node that they lead to, or [`INSIDE`].
    pub neighbours: PairTable,
    /// A node and a character: the node that they lead to. ASCII characters have a table of their own, so that those
    /// of other scripts lie close together.
    further: [PairTable; 2],
    /// Nodes from here on are no pieces.
    first_other: u32,
}

impl Trie {
    /// From pieces, each as the symbols of its two or more characters and its own, which are below `first_other`.
    pub fn new(mut pieces: Vec<(&[u32], u32)>, first_other: u32, is_ascii: impl Fn(u32) -> bool) -> Self {
        pieces.sort_unstable();
        let depth = depth(&pieces, MOST_SYMBOLS.saturating_sub(first_other as usize));
        let mut neighbours: HashMap<(u32, u32), u32> =
            pieces.iter().flat_map(|(piece, _)| piece.windows(2)).map(|pair| ((pair[0], pair[1]), INSIDE)).collect();
        let mut goes_on = vec![false; first_other as usize];
        // Whether a way starts with it, from, character, to.
        let mut edges: Vec<(bool, u32, u32, u32)> = Vec::new();
        let (mut way, mut previous): (Vec<u32>, &[u32]) = (Vec::new(), &[]);
        // A piece comes after those that it begins with, so their nodes are on the way already.
        for &(piece, symbol) in &pieces {
            way.truncate(common(previous, piece));
            previous = piece;
            if way.is_empty() {
                way.push(piece[0]);
            }
            if way.len() == depth
                && let Some(edge) = edges.last_mut()
            {
                // It led to the deepest node of this way, and there is more behind it.
                edge.3 = DEEP;
            }
            while way.len() < piece.len().min(depth) {
                let from = way[way.len() - 1];
                let to = if way.len() + 1 == piece.len() {
                    symbol
                } else if way.len() + 1 == depth {
                    DEEP
                } else {
                    goes_on.push(false);
                    goes_on.len() as u32 - 1
                };
                goes_on[from as usize] = true;
                edges.push((way.len() == 1, from, piece[way.len()], to));
                way.push(to);
            }
        }
        let mut further = [Vec::new(), Vec::new()];
        for (is_start, from, character, to) in edges {
            let node = if goes_on[to as usize] { to | GOES_ON } else { to };
            if is_start {
                neighbours.insert((from, character), node);
            } else {
                further[usize::from(is_ascii(character))].push((from, character, node));
            }
        }
        let mut neighbours: Vec<_> = neighbours.into_iter().map(|((left, right), node)| (left, right, node)).collect();
        neighbours.sort_unstable();
        let further = further.map(|edges| PairTable::new(&edges));
        Self { neighbours: PairTable::new(&neighbours), further, first_other }
    }

    /// Whether a node is that of a piece.
    #[inline(always)]
    pub fn is_piece(&self, node: u32) -> bool {
        (node & NODE).wrapping_sub(FIRST) < self.first_other - FIRST
    }

    /// The symbol of a node, or [`NOTHING`] if it is that of no piece.
    #[inline(always)]
    pub fn piece(&self, node: u32) -> u32 {
        select_unpredictable(self.is_piece(node), node & NODE, NOTHING)
    }

    /// The node that a character leads to from a node with [`GOES_ON`], or [`NOTHING`]; the character is an entry of
    /// the table of characters.
    #[inline(always)]
    pub fn next(&self, node: u32, character: u32) -> u32 {
        self.further[usize::from(character & ASCII != 0)].get(node & NODE, character & VALUE)
    }
}

/// How many symbols two pieces have in common from their start on.
fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// How deep a trie of sorted pieces may be, for nodes that are no pieces to be no more than `room`.
fn depth(pieces: &[(&[u32], u32)], room: usize) -> usize {
    let mut others = [0; DEPTH];
    let mut previous: &[u32] = &[];
    for (piece, _) in pieces {
        let first = common(previous, piece).max(1) + 1;
        others[first.min(DEPTH)..piece.len().clamp(first.min(DEPTH), DEPTH)].iter_mut().for_each(|count| *count += 1);
        previous = piece;
    }
    let mut sum = 0;
    (2..DEPTH)
        .take_while(|&len| {
            sum += others[len];
            sum <= room
        })
        .last()
        .map_or(2, |len| len + 1)
}
