//! Which pieces can come about, and from which pairs.

use std::collections::HashMap;

use super::matcher::Matcher;
use super::merges::{FIRST, INSIDE, Merges, NEVER, SHORT};
use super::model::{Kind, Model};
use super::pair_table::PairTable;
use super::queue::Queue;
use super::{ModelError, unsupported};
use crate::progress::Progress;

/// Symbols that there may be: so many have room beside the marks of a character.
pub const MOST_SYMBOLS: usize = 1 << 21;
/// Stands for the id of a character that has no piece.
pub const NO_ID: u32 = u32::MAX;
/// Stands for the id of a piece that is taken apart again.
pub const UNUSED: u32 = NO_ID - 1;

/// The symbols of a model.
#[derive(Debug)]
pub struct Symbols {
    pub merges: Merges,
    /// By symbol: its id, [`NO_ID`] or [`UNUSED`].
    pub ids: Vec<u32>,
    /// The characters, by symbol from [`FIRST`] on.
    pub characters: Vec<char>,
    /// Pairs of characters that stand next to each other in a piece that can come about.
    pub neighbours: Vec<(u32, u32)>,
    /// Pieces that are taken apart again, by symbol, with their ids.
    pub unused: HashMap<u32, u32>,
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
        let characters = by_frequency(&candidates);
        let first_piece = FIRST + characters.len() as u32;
        let count = first_piece as usize + candidates.len();
        if count.max(model.pieces.len()) > MOST_SYMBOLS {
            return Err(unsupported(format!("it has {count} pieces and characters in them, of {MOST_SYMBOLS}")));
        }
        let numbers: HashMap<char, u32> = characters.iter().copied().zip(FIRST..).collect();
        let mut ranks = vec![NEVER; first_piece as usize];
        let mut rank = 0;
        for (place, candidate) in candidates.iter().enumerate() {
            if place > 0 && candidates[place - 1].score.total_cmp(&candidate.score).is_ne() {
                rank += 1;
            }
            ranks.push(rank);
        }
        let spelled: Vec<Vec<u32>> =
            candidates.iter().map(|candidate| candidate.text.chars().map(|it| numbers[&it]).collect()).collect();
        let mut pairs = splits(&spelled, first_piece);
        let merges = tables(&pairs, &[], first_piece, ranks);
        let alive = possible(&spelled, &merges);
        let is_alive = |symbol: u32| symbol < first_piece || alive[(symbol - first_piece) as usize];
        pairs.retain(|&(left, right, joined)| is_alive(left) && is_alive(right) && is_alive(joined));
        let mut neighbours: Vec<(u32, u32)> = spelled
            .iter()
            .zip(&alive)
            .filter(|(_, alive)| **alive)
            .flat_map(|(spelled, _)| spelled.windows(2).map(|pair| (pair[0], pair[1])))
            .collect();
        neighbours.sort_unstable();
        neighbours.dedup();
        let merges = tables(&pairs, &neighbours, first_piece, merges.ranks);
        let mut ids = vec![NO_ID; first_piece as usize];
        for (id, piece) in model.pieces.iter().enumerate() {
            let mut of_piece = piece.text.chars();
            if let (Kind::Normal, Some(first), None) = (piece.kind, of_piece.next(), of_piece.next())
                && let Some(&number) = numbers.get(&first)
            {
                ids[number as usize] = id as u32;
            }
        }
        let mut unused = HashMap::new();
        for (symbol, candidate) in (first_piece..).zip(&candidates) {
            if model.pieces[candidate.id as usize].kind == Kind::Unused {
                unused.insert(symbol, candidate.id);
                ids.push(UNUSED);
            } else {
                ids.push(candidate.id);
            }
        }
        Ok(Self { merges, ids, characters, neighbours, unused })
    }
}

/// The characters of pieces, those of most pieces first: what is asked often lies together.
fn by_frequency(candidates: &[Candidate]) -> Vec<char> {
    let mut counts: HashMap<char, usize> = HashMap::new();
    for character in candidates.iter().flat_map(|candidate| candidate.text.chars()) {
        *counts.entry(character).or_default() += 1;
    }
    let mut counts: Vec<(char, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
    counts.into_iter().map(|(character, _)| character).collect()
}

fn tables(pairs: &[(u32, u32, u32)], neighbours: &[(u32, u32)], first_piece: u32, ranks: Vec<u32>) -> Merges {
    let are_characters = |pair: &&(u32, u32, u32)| pair.0 < first_piece && pair.1 < first_piece;
    let mut of_characters: HashMap<(u32, u32), u32> = neighbours.iter().map(|&pair| (pair, INSIDE)).collect();
    of_characters.extend(pairs.iter().filter(are_characters).map(|&(left, right, joined)| ((left, right), joined)));
    let of_characters: Vec<_> =
        of_characters.into_iter().map(|((left, right), joined)| (left, right, joined)).collect();
    let of_pieces: Vec<_> = pairs.iter().filter(|pair| !are_characters(pair)).copied().collect();
    Merges { characters: PairTable::new(&of_characters), pieces: PairTable::new(&of_pieces), first_piece, ranks }
}

/// Every way in which a piece falls into two symbols: (left, right, the piece). No more than characters of pieces.
fn splits(spelled: &[Vec<u32>], first_piece: u32) -> Vec<(u32, u32, u32)> {
    let reversed: Vec<Vec<u32>> = spelled.iter().map(|piece| piece.iter().rev().copied().collect()).collect();
    let (before, behind) = (beginnings(spelled), beginnings(&reversed));
    let mut pairs = Vec::new();
    for (number, piece) in spelled.iter().enumerate() {
        let len = piece.len();
        let joined = first_piece + number as u32;
        // Both go from the longest; a character is the last of each.
        let mut ends: Vec<(usize, u32)> = pieces_of(&behind, spelled, number, first_piece).collect();
        ends.push((1, piece[len - 1]));
        let mut ends = ends.into_iter().rev().peekable();
        let starts = pieces_of(&before, spelled, number, first_piece).chain([(1, piece[0])]);
        for (start, left) in starts {
            while ends.next_if(|&(end, _)| start + end < len).is_some() {}
            if let Some((_, right)) = ends.next_if(|&(end, _)| start + end == len) {
                pairs.push((left, right, joined));
            }
        }
    }
    pairs
}

/// The pieces along a chain of beginnings, each with its length and symbol, the longest first.
fn pieces_of<'a>(
    longest: &'a [Option<u32>],
    spelled: &'a [Vec<u32>],
    piece: usize,
    first_piece: u32,
) -> impl Iterator<Item = (usize, u32)> + 'a {
    std::iter::successors(longest[piece], |&it| longest[it as usize])
        .map(move |it| (spelled[it as usize].len(), first_piece + it))
}

/// For each text the longest other one that it begins with.
fn beginnings(texts: &[Vec<u32>]) -> Vec<Option<u32>> {
    let mut order: Vec<u32> = (0..texts.len() as u32).collect();
    order.sort_unstable_by_key(|&number| &texts[number as usize]);
    let mut longest = vec![None; texts.len()];
    let mut open: Vec<u32> = Vec::new();
    for number in order {
        let text = &texts[number as usize];
        while open.pop_if(|last| !text.starts_with(&texts[*last as usize])).is_some() {}
        longest[number as usize] = open.last().copied();
        open.push(number);
    }
    longest
}

/// Which pieces come about from their own characters. Another one never does: within it the same pairs are merged in
/// the same order whatever stands around it, as long as nothing is merged across its ends.
fn possible(spelled: &[Vec<u32>], merges: &Merges) -> Vec<bool> {
    let mut queue = Queue::default();
    spelled
        .iter()
        .zip(merges.first_piece..)
        .map(|(piece, symbol)| {
            if piece.len() <= SHORT {
                let pairs: Vec<u32> = piece.windows(2).map(|pair| merges.of(pair[0], pair[1])).collect();
                let mut whole = false;
                merges.merge(|at| piece[at], &pairs, |left| whole = left == symbol);
                return whole;
            }
            queue.symbols.clear();
            queue.symbols.extend_from_slice(piece);
            // Nobody cancels it: a piece has less than 8,000 bytes.
            queue.merge(merges, &Progress::default(), |_, _| ()).is_ok() && queue.merged().eq([symbol])
        })
        .collect()
}
