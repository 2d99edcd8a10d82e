//! Which pieces can come about, and from which pairs.

use std::collections::{HashMap, HashSet};

use super::matcher::Matcher;
use super::merges::{FIRST, Merges, NEVER, PLACES};
use super::model::{Kind, Model};
use super::node::{Node, SYMBOL};
use super::normaliser::SPACE;
use super::pair_table::PairTable;
use super::queue::Queue;
use super::trie::Trie;
use super::word_trie::WordTrie;
use super::{ModelError, unsupported};
use crate::memory::boxed;
use crate::progress::Progress;

/// Symbols that there may be: so many have room in a token.
pub const MOST_SYMBOLS: usize = SYMBOL as usize;

/// The symbols of a model.
#[derive(Debug)]
pub struct Symbols {
    pub merges: Merges,
    pub trie: Trie,
    /// Characters of pieces that are none themselves, by symbol from `FIRST` plus the number of pieces on.
    pub others: Vec<char>,
    /// The characters of longer pieces that can come about, those that most of them have first.
    pub characters: Vec<(char, Node)>,
    /// The ids of pieces that are taken apart again.
    pub unused: HashSet<u32>,
    /// The longer pieces of ASCII characters that can come about.
    pub words: Option<WordTrie>,
}

/// A piece that merging may give.
struct Candidate<'a> {
    text: &'a str,
    score: f32,
    id: u32,
}

impl Symbols {
    /// From a model, with the user-defined pieces of it that a text can have.
    pub fn new(model: &Model, matcher: &Matcher) -> Result<Self, ModelError> {
        let mut candidates: Vec<Candidate> = model
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| {
                matches!(piece.kind, Kind::Normal | Kind::Unused)
                    && piece.text.chars().nth(1).is_some()
                    // Every space of a text is written otherwise.
                    && !(model.spaces.escape && piece.text.contains(' '))
                    && !matcher.any_in(piece.text)
            })
            .map(|(id, piece)| Candidate { text: piece.text, score: piece.score, id: id as u32 })
            .collect();
        candidates.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.id.cmp(&other.id)));
        let mut numbers: HashMap<char, u32> = HashMap::new();
        for (piece, symbol) in model.pieces.iter().zip(FIRST..) {
            let mut of_piece = piece.text.chars();
            if let (Kind::Normal, Some(only), None) = (piece.kind, of_piece.next(), of_piece.next()) {
                numbers.insert(only, symbol);
            }
        }
        let mut others = Vec::new();
        for character in candidates.iter().flat_map(|candidate| candidate.text.chars()) {
            numbers.entry(character).or_insert_with(|| {
                others.push(character);
                FIRST + (model.pieces.len() + others.len() - 1) as u32
            });
        }
        let count = model.pieces.len() + others.len();
        let first_other = FIRST as usize + count;
        if first_other > MOST_SYMBOLS {
            return Err(unsupported(format!("it has {count} pieces and characters in them, of {MOST_SYMBOLS}")));
        }
        let mut ranks: Box<[u32; MOST_SYMBOLS + 1]> = boxed(0);
        ranks[..first_other].fill(NEVER);
        let mut rank = 0;
        for (place, candidate) in candidates.iter().enumerate() {
            if place > 0 && candidates[place - 1].score.total_cmp(&candidate.score).is_ne() {
                rank += PLACES;
            }
            ranks[(FIRST + candidate.id) as usize] = rank;
        }
        let spelled: Vec<(Vec<u32>, u32)> = candidates
            .iter()
            .map(|candidate| (candidate.text.chars().map(|it| numbers[&it]).collect(), FIRST + candidate.id))
            .collect();
        let mut pairs = splits(&spelled);
        let mut merges = Merges { pairs: PairTable::new(&pairs), ranks };
        let alive = possible(&spelled, &merges);
        let dead: HashSet<u32> = spelled.iter().zip(&alive).filter(|(_, alive)| !**alive).map(|(it, _)| it.1).collect();
        if !dead.is_empty() {
            pairs.retain(|(left, right, joined)| ![left, right, joined].iter().any(|it| dead.contains(it)));
            merges.pairs = PairTable::new(&pairs);
        }
        let candidates = candidates.iter().zip(&alive).filter(|(_, alive)| **alive).map(|(candidate, _)| candidate);
        let ascii = candidates.clone().filter_map(|it| {
            let written = |character| if model.spaces.escape && character == SPACE { ' ' } else { character };
            let text: Vec<u32> = it.text.chars().map(|character| written(character).into()).collect();
            text.iter().all(|&code| code < 128).then_some((text, FIRST + it.id))
        });
        let words = WordTrie::new(ascii, &merges);
        let unused = candidates.map(|it| it.id).filter(|&id| model.pieces[id as usize].kind == Kind::Unused).collect();
        let pieces = spelled.iter().filter(|it| !dead.contains(&it.1)).map(|(piece, symbol)| (&piece[..], *symbol));
        let trie = Trie::new(pieces.collect())?;
        let mut characters: Vec<(char, Node)> =
            numbers.iter().filter_map(|(&it, symbol)| Some((it, *trie.characters.get(symbol)?))).collect();
        characters.sort_unstable_by_key(|it| it.1.number());
        Ok(Self { merges, trie, others, characters, unused, words })
    }
}

/// Every way in which a piece falls into two symbols: (left, right, the piece). No more than characters of pieces.
fn splits(spelled: &[(Vec<u32>, u32)]) -> Vec<(u32, u32, u32)> {
    let forward: Vec<&[u32]> = spelled.iter().map(|(piece, _)| &piece[..]).collect();
    let reversed: Vec<Vec<u32>> = spelled.iter().map(|(piece, _)| piece.iter().rev().copied().collect()).collect();
    let reversed: Vec<&[u32]> = reversed.iter().map(|piece| &piece[..]).collect();
    let (before, behind) = (beginnings(&forward), beginnings(&reversed));
    let mut pairs = Vec::new();
    for (number, (piece, joined)) in spelled.iter().enumerate() {
        let len = piece.len();
        // Both go from the longest; a character is the last of each.
        let mut ends: Vec<(usize, u32)> = pieces_of(&behind, spelled, number).collect();
        ends.push((1, piece[len - 1]));
        let mut ends = ends.into_iter().rev().peekable();
        let starts = pieces_of(&before, spelled, number).chain([(1, piece[0])]);
        for (start, left) in starts {
            while ends.next_if(|&(end, _)| start + end < len).is_some() {}
            if let Some((_, right)) = ends.next_if(|&(end, _)| start + end == len) {
                pairs.push((left, right, *joined));
            }
        }
    }
    pairs
}

/// The pieces along a chain of beginnings, each with its length and symbol, the longest first.
fn pieces_of<'a>(
    longest: &'a [Option<u32>],
    spelled: &'a [(Vec<u32>, u32)],
    piece: usize,
) -> impl Iterator<Item = (usize, u32)> + 'a {
    std::iter::successors(longest[piece], |&it| longest[it as usize])
        .map(move |it| (spelled[it as usize].0.len(), spelled[it as usize].1))
}

/// For each text the longest other one that it begins with.
fn beginnings(texts: &[&[u32]]) -> Vec<Option<u32>> {
    let mut order: Vec<u32> = (0..texts.len() as u32).collect();
    order.sort_unstable_by_key(|&number| texts[number as usize]);
    let mut longest = vec![None; texts.len()];
    let mut open: Vec<u32> = Vec::new();
    for number in order {
        let text = texts[number as usize];
        while open.pop_if(|last| !text.starts_with(texts[*last as usize])).is_some() {}
        longest[number as usize] = open.last().copied();
        open.push(number);
    }
    longest
}

/// Which pieces come about from their own characters. Another one never does: within it the same pairs are merged in
/// the same order whatever stands around it, as long as nothing is merged across its ends.
fn possible(spelled: &[(Vec<u32>, u32)], merges: &Merges) -> Vec<bool> {
    let mut queue = Queue::default();
    spelled
        .iter()
        .map(|(piece, symbol)| {
            queue.symbols.clear();
            queue.symbols.extend_from_slice(piece);
            // Nobody cancels it: a piece has less than 8,000 bytes.
            queue.merge(merges, &Progress::default(), |_, _| ()).is_ok() && queue.merged().eq([*symbol])
        })
        .collect()
}
