//! Pieces of a text by a sentencepiece unigram model.

use std::collections::HashMap;

use super::ModelError;
use crate::vocab::ModelError as VocabError;
use crate::vocab::model::{Model, Spaces, UNIGRAM};
use crate::vocab::normaliser::{Normaliser, SPACE};

/// Id of the piece that stands for a character of no piece, and for a text of no characters.
pub const UNKNOWN: u32 = 0;
/// Id that the encoder puts before a text's pieces.
pub const START: u32 = 1;
/// Id that the encoder puts after a text's pieces.
pub const END: u32 = 2;

/// What an unknown character costs more than the least likely piece.
const UNKNOWN_PENALTY: f64 = 10.0;
/// Below every score of a text.
const UNREACHED: f64 = -1e38;
/// No node of the trie.
const NONE: u32 = u32::MAX;
/// The node before the first character.
const ROOT: u32 = NONE - 1;
/// Set in a node that no character leads on from.
const LAST: u32 = 1 << 31;

/// A step of the trie: the piece of id `node` if that is below the number of pieces, else a beginning of pieces.
#[derive(Clone, Copy)]
struct Edge {
    from: u32,
    character: u32,
    /// The node it leads to, with [`LAST`]; [`NONE`] if the place is free.
    node: u32,
    score: f32,
}

const FREE: Edge = Edge { from: NONE, character: 0, node: NONE, score: 0.0 };

/// Node, with [`LAST`] or [`NONE`], and score.
type FirstStep = (u32, f32);

/// The best way to a place of a text.
#[derive(Clone, Copy)]
struct Way {
    score: f64,
    start: u32,
    piece: u32,
}

/// Memory for one text at a time, kept from text to text: about 20 bytes a character.
#[derive(Default)]
pub struct Scratch {
    characters: Vec<u32>,
    ways: Vec<Way>,
}

/// A sentencepiece unigram model.
///
/// The pieces with which a text is most likely, as the library finds them, with two differences that the encoder's own
/// tokeniser has too: each character of no piece is an unknown of its own (the library joins neighbours), and the
/// control pieces (`<s>`) are matched where a text spells them.
pub struct Unigram {
    normaliser: Normaliser,
    spaces: Spaces,
    /// The first step, for characters of the basic plane.
    first: Box<[FirstStep]>,
    /// Every other step, by a hash of where it starts and its character; a power of two, at most half full.
    edges: Box<[Edge]>,
    pieces: u32,
    unknown_score: f64,
}

impl Unigram {
    /// From the bytes of a model file.
    ///
    /// # Errors
    /// [`ModelError`] for what is no model, and for one whose settings are not those of the encoder: unigram, with a
    /// leading space, spaces joined and escaped, and ids 0, 1, 2 for unknown, start and end.
    pub fn new(model: &[u8]) -> Result<Self, ModelError> {
        let model = Model::read(model)?;
        check(&model)?;
        let pieces: Vec<(&str, f32)> = model.pieces.iter().map(|piece| (piece.text, piece.score)).collect();
        if pieces.len() <= END as usize || pieces.len() >= LAST as usize / 2 {
            return Err(unsupported(format!("it has {} pieces", pieces.len())));
        }
        for (id, name) in [(UNKNOWN, "<unk>"), (START, "<s>"), (END, "</s>")] {
            if pieces[id as usize].0 != name {
                return Err(unsupported(format!("piece {id} must be {name}, not {:?}", pieces[id as usize].0)));
            }
        }
        let least = pieces.iter().map(|piece| f64::from(piece.1)).fold(f64::INFINITY, f64::min);
        let normaliser = Normaliser::new(model.charsmap)?;
        let (first, edges) = build_trie(&pieces);
        let pieces = pieces.len() as u32;
        Ok(Self { normaliser, spaces: model.spaces, first, edges, pieces, unknown_score: least - UNKNOWN_PENALTY })
    }

    /// The number of pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces as usize
    }

    /// Always false: a model has the three pieces without a text at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces == 0
    }

    #[inline]
    fn edge(&self, from: u32, character: u32) -> Option<(u32, f32)> {
        let mask = self.edges.len() - 1;
        let mut place = hash(from, character) & mask;
        loop {
            let edge = &self.edges[place];
            if edge.character == character && edge.from == from {
                return Some((edge.node, edge.score));
            }
            if edge.node == NONE {
                return None;
            }
            place = (place + 1) & mask;
        }
    }

    #[inline]
    fn first_edge(&self, character: u32) -> Option<(u32, f32)> {
        match self.first.get(character as usize) {
            Some(&(NONE, _)) => None,
            Some(&edge) => Some(edge),
            None => self.edge(ROOT, character),
        }
    }

    /// Appends the ids of a text's pieces to `ids`, without start and end. A text of which nothing is left when it is
    /// normalised has one piece, the unknown one.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        scratch.characters.clear();
        scratch.characters.push(u32::from(SPACE));
        if !self.normaliser.normalise(text, self.spaces, None, &mut scratch.characters) {
            scratch.characters.clear();
        }
        let characters = &scratch.characters[..];
        if characters.is_empty() {
            ids.push(UNKNOWN);
            return;
        }
        let ways = &mut scratch.ways;
        ways.clear();
        ways.resize(characters.len() + 1, Way { score: UNREACHED, start: 0, piece: UNKNOWN });
        ways[0].score = 0.0;
        for start in 0..characters.len() {
            let base = ways[start].score;
            let mut relax = |end: usize, score: f64, piece: u32| {
                let way = &mut ways[end];
                let score = base + score;
                // Of equal ways the one that came first stays: the earliest start.
                if score > way.score {
                    *way = Way { score, start: start as u32, piece };
                }
            };
            let mut end = start + 1;
            let mut edge = self.first_edge(characters[start]);
            if edge.is_none_or(|(node, _)| node & !LAST >= self.pieces) {
                relax(end, self.unknown_score, UNKNOWN);
            }
            while let Some((node, score)) = edge {
                if node & !LAST < self.pieces {
                    relax(end, f64::from(score), node & !LAST);
                }
                if node & LAST != 0 || end == characters.len() {
                    break;
                }
                edge = self.edge(node, characters[end]);
                end += 1;
            }
        }
        let first = ids.len();
        let mut end = characters.len();
        while end > 0 {
            let way = ways[end];
            ids.push(way.piece);
            end = way.start as usize;
        }
        ids[first..].reverse();
    }
}

fn unsupported(rule: String) -> ModelError {
    VocabError::Unsupported { rule }.into()
}

#[inline]
fn hash(from: u32, character: u32) -> usize {
    let key = u64::from(from) << 32 | u64::from(character);
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

fn check(model: &Model) -> Result<(), ModelError> {
    let spaces = model.spaces;
    if model.kind != UNIGRAM {
        return Err(unsupported(format!("it must be a unigram model (type 1), not of type {}", model.kind)));
    }
    if spaces.as_suffix || model.byte_fallback {
        return Err(unsupported("whitespace as suffix and byte fall-back must be off".into()));
    }
    if !(spaces.dummy_prefix && spaces.remove_extra && spaces.escape) {
        return Err(unsupported("leading space, joined and escaped whitespace must be on".into()));
    }
    match model.pieces.iter().find(|piece| !piece.score.is_finite()) {
        Some(piece) => Err(unsupported(format!("the score of {:?} is {}", piece.text, piece.score))),
        None => Ok(()),
    }
}

/// The first steps and all others. A node is a piece's id, or a number from the number of pieces on.
fn build_trie(pieces: &[(&str, f32)]) -> (Box<[FirstStep]>, Box<[Edge]>) {
    // Of equal pieces the last one counts.
    let ids: HashMap<&str, u32> = pieces.iter().enumerate().map(|(id, piece)| (piece.0, id as u32)).collect();
    let mut nodes: HashMap<&str, u32> = HashMap::new();
    let mut next = pieces.len() as u32;
    let mut edges = Vec::new();
    for &(piece, _) in pieces {
        let mut from = ROOT;
        for (position, character) in piece.char_indices() {
            let beginning = &piece[..position + character.len_utf8()];
            let node = *nodes.entry(beginning).or_insert_with(|| {
                let (node, score) = if let Some(&id) = ids.get(beginning) {
                    (id, pieces[id as usize].1)
                } else {
                    next += 1;
                    (next - 1, 0.0)
                };
                edges.push(Edge { from, character: u32::from(character), node, score });
                node
            });
            from = node;
        }
    }
    let mut leads_on = vec![false; next as usize];
    for edge in &edges {
        if let Some(leads_on) = leads_on.get_mut(edge.from as usize) {
            *leads_on = true;
        }
    }
    let mut first = vec![(NONE, 0.0); 1 << 16];
    let mut table = vec![FREE; (edges.len() * 2).next_power_of_two().max(2)];
    let mask = table.len() - 1;
    for mut edge in edges {
        if !leads_on[edge.node as usize] {
            edge.node |= LAST;
        }
        if edge.from == ROOT
            && let Some(first) = first.get_mut(edge.character as usize)
        {
            *first = (edge.node, edge.score);
            continue;
        }
        let mut place = hash(edge.from, edge.character) & mask;
        while table[place].node != NONE {
            place = (place + 1) & mask;
        }
        table[place] = edge;
    }
    (first.into(), table.into())
}
