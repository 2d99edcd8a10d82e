//! The pieces of a model as a trie over characters, to find those that start at a place of a text.
//!
//! A double array, after Aoe, "An efficient digital search algorithm by using a double-array structure" (1989): the
//! node behind another one lies as far from the other's base as the number of the character between them is large, and
//! says of which character it is.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hint::select_unpredictable;

use super::node::{DEEP, MOST_CHARACTERS, MOST_PLACES, Node};
use super::{ModelError, unsupported};
use crate::memory::boxed;

/// Characters of a piece that is in the trie at most.
pub const DEPTH: usize = 16;
/// Places that a base and a number can lead to.
const PLACES: usize = MOST_PLACES + MOST_CHARACTERS;
/// Characters behind a node, each by number and with the node that it leads to.
pub type Row = Vec<(usize, usize)>;

/// A trie of pieces.
#[derive(Debug)]
pub struct Trie {
    /// By character, as a symbol: its node at the start of a piece.
    pub characters: HashMap<u32, Node>,
    /// The bits of nodes. No place is too far, so that none is checked; the system gives memory only for those in use.
    places: Box<[u64; PLACES]>,
}

impl Trie {
    /// From pieces, each as the symbols of its two or more characters and its own.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] if they have more characters or pairs of them than there is room for.
    pub fn new(pieces: Vec<(&[u32], u32)>) -> Result<Self, ModelError> {
        Self::with_room(pieces, MOST_PLACES)
    }

    /// With so many places at most: the trie is only so deep that they are enough.
    pub fn with_room(mut pieces: Vec<(&[u32], u32)>, room: usize) -> Result<Self, ModelError> {
        pieces.sort_unstable();
        let numbers = numbers(&pieces);
        if numbers.len() >= MOST_CHARACTERS {
            return Err(unsupported(format!("its pieces have {} characters, of {MOST_CHARACTERS}", numbers.len())));
        }
        (2..=DEPTH)
            .rev()
            .find_map(|depth| Self::of_depth(&pieces, &numbers, depth, room))
            .ok_or_else(|| unsupported(format!("its pieces have more pairs of characters than {room} places take")))
    }

    fn of_depth(pieces: &[(&[u32], u32)], numbers: &HashMap<u32, usize>, depth: usize, room: usize) -> Option<Self> {
        let Nodes { mut rows, mut tokens } = Nodes::new(pieces, |symbol| numbers[&symbol], numbers.len(), depth, room)?;
        let mut pairs: Vec<(usize, usize)> = pieces
            .iter()
            .flat_map(|(piece, _)| piece.windows(2))
            .map(|pair| (numbers[&pair[0]] - 1, numbers[&pair[1]]))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        // Those within pieces lead somewhere too: nothing is cut between them.
        for (left, number) in pairs {
            if rows[left].iter().all(|there| there.0 != number) {
                rows[left].push((number, tokens.len()));
                rows.push(Row::new());
                tokens.push(0);
            }
        }
        let bases = bases(&rows, room)?;
        let mut places = boxed(0);
        for (row, base) in rows.iter().zip(&bases) {
            for &(number, node) in row {
                places[base + number] = Node::new(bases[node], tokens[node], number).bits();
            }
        }
        let characters =
            numbers.iter().map(|(&symbol, &number)| (symbol, Node::new(bases[number - 1], symbol, number))).collect();
        Some(Self { characters, places })
    }

    /// The node that a character leads to from another one, or [`Node::NOTHING`].
    #[inline(always)]
    pub fn next(&self, from: Node, character: Node) -> Node {
        self.nodes().next(from, character)
    }

    /// Its nodes, for many questions.
    #[inline(always)]
    pub fn nodes(&self) -> Places<'_> {
        Places(&self.places)
    }
}

/// The nodes of pieces before they have places, those of single characters first, by number.
pub struct Nodes {
    /// What is behind each.
    pub rows: Vec<Row>,
    /// What ends at each.
    pub tokens: Vec<u32>,
}

impl Nodes {
    /// From pieces in order, each as two or more characters and its symbol; `number` gives the number of a character, from 1
    /// on and at most `most`. None if there are more than `room`.
    pub fn new(
        pieces: &[(&[u32], u32)],
        number: impl Fn(u32) -> usize,
        most: usize,
        depth: usize,
        room: usize,
    ) -> Option<Self> {
        let mut tokens = vec![0; most];
        let mut rows: Vec<Row> = vec![Row::new(); most];
        let (mut way, mut previous): (Vec<usize>, &[u32]) = (Vec::new(), &[]);
        // A piece comes after those that it begins with, so their nodes are on the way already.
        for &(piece, symbol) in pieces {
            way.truncate(common(previous, piece));
            previous = piece;
            if way.is_empty() {
                way.push(number(piece[0]) - 1);
            }
            if way.len() == depth {
                // It led to the deepest node of this way, and there is more behind it.
                tokens[way[depth - 1]] = DEEP;
            }
            while way.len() < piece.len().min(depth) {
                let (len, node) = (way.len() + 1, tokens.len());
                let token = if len == piece.len() { symbol } else { u32::from(len == depth) * DEEP };
                rows[way[len - 2]].push((number(piece[len - 1]), node));
                rows.push(Row::new());
                tokens.push(token);
                way.push(node);
            }
            if tokens.len() > room {
                return None;
            }
        }
        Some(Self { rows, tokens })
    }
}

/// The nodes of a trie in their places.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a>(&'a [u64; PLACES]);

impl Places<'_> {
    /// What [`Trie::next`] says.
    #[inline(always)]
    pub fn next(self, from: Node, character: Node) -> Node {
        let node = Node::from_bits(self.0[from.base() + character.number()]);
        // Which of both it is cannot be foreseen.
        select_unpredictable(node.number() == character.number(), node, Node::NOTHING)
    }
}

/// The characters of pieces with numbers from 1 on, those that most pieces have first: what is asked for often lies
/// close together.
fn numbers(pieces: &[(&[u32], u32)]) -> HashMap<u32, usize> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    pieces.iter().flat_map(|(piece, _)| *piece).for_each(|&symbol| *counts.entry(symbol).or_default() += 1);
    let mut order: Vec<(u32, usize)> = counts.into_iter().collect();
    order.sort_unstable_by_key(|&(symbol, count)| (Reverse(count), symbol));
    order.into_iter().zip(1..).map(|((symbol, _), number)| (symbol, number)).collect()
}

/// For each row a base, so that no two rows have the same and no two nodes the same place, all places below `room`; 0 for
/// an empty row. None if there is no room.
pub fn bases(rows: &[Row], room: usize) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).filter(|&row| !rows[row].is_empty()).collect();
    order.sort_by_key(|&row| Reverse(rows[row].len()));
    let mut bases = vec![0; rows.len()];
    let mut is_taken = vec![false; room.min(1 << 16)];
    let mut is_base = vec![true];
    // Rows of the same size find nothing before the place of the last one.
    let (mut first, mut size) = (1, 0);
    for row in order {
        let nodes = &rows[row];
        if size != nodes.len() {
            (first, size) = (1, nodes.len());
        }
        let lowest = nodes.iter().map(|node| node.0).min()?;
        let taken = |table: &[bool], place: usize| table.get(place).copied().unwrap_or(false);
        let place = (first.max(lowest + 1)..room).find(|place| {
            let base = place - lowest;
            !taken(&is_taken, *place)
                && !taken(&is_base, base)
                && nodes.iter().all(|node| base + node.0 < room && !taken(&is_taken, base + node.0))
        })?;
        first = place;
        let base = place - lowest;
        bases[row] = base;
        let last = base + nodes.iter().map(|node| node.0).max()?;
        is_taken.resize(is_taken.len().max(last + 1), false);
        for node in nodes {
            is_taken[base + node.0] = true;
        }
        is_base.resize(is_base.len().max(base + 1), false);
        is_base[base] = true;
    }
    Some(bases)
}

/// How many symbols two pieces have in common from their start on.
fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
