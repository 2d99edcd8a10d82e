//! The words of a dictionary as a trie in a double array (Aoe 1989), over characters numbered by how often they occur.
//!
//! A node's place in the array is the number of the word that ends there: a count by words is an array by places.

use std::collections::HashMap;

/// What jieba-rs 0.11 has in `src/data/dict.txt`, as `build.rs` writes it down.
static JIEBA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dictionary.bin"));

/// A character that belongs to no run of characters that may form words.
pub(super) const OUTSIDE: u16 = 0;
/// A character that may stand in a run, but is in no word.
pub(super) const IN_NO_WORD: u16 = 1;
/// The number of the first character that is in a word.
const FIRST_CODE: u16 = 2;
/// Places have so many bits; the rest is for flags.
pub(super) const PLACE: u32 = (1 << 20) - 1;
/// No node: a place that is free.
const FREE: u32 = PLACE;
/// Words have at most so many characters: the length of one fits into five bits.
pub(super) const LONGEST: usize = 16;

/// The flags of a word, above its place.
const FLAGS: u32 = 3 << FLAGS_SHIFT;
/// Where the flags begin.
pub(super) const FLAGS_SHIFT: u32 = 20;
const BASE_SHIFT: u32 = 22;
const SHARE_SHIFT: u32 = 42;

/// One place of the array: the parent's place, the word's flags, the base of the children, and the number of the word's
/// share among those that there are, 0 where no word ends. Small, because what fits into the cache decides the speed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node(u64);

impl Node {
    pub const FREE: Self = Self(FREE as u64);

    fn new(parent: u32, base: u32, share: u16) -> Self {
        Self(u64::from(parent & PLACE) | u64::from(base) << BASE_SHIFT | u64::from(share) << SHARE_SHIFT)
    }

    /// The place of the parent; that of none if it is free.
    #[inline(always)]
    pub fn parent(self) -> u32 {
        self.0 as u32 & PLACE
    }

    /// The child by a character is at this place plus the character's number.
    #[inline(always)]
    pub fn base(self) -> u32 {
        (self.0 >> BASE_SHIFT) as u32 & PLACE
    }

    #[inline(always)]
    pub fn flags(self) -> u32 {
        self.0 as u32 & FLAGS
    }

    #[inline(always)]
    pub fn share(self) -> u16 {
        (self.0 >> SHARE_SHIFT) as u16
    }
}

/// A dictionary in which texts are looked up.
pub struct Dictionary {
    pub(super) nodes: Vec<Node>,
    /// The logarithms of the shares that words have, `ln count - ln total`; the first is not a number.
    pub(super) shares: Vec<f64>,
    /// The number of each character of the basic plane.
    codes: Vec<u16>,
    /// Those of characters beyond it, ascending.
    beyond: Vec<(u32, u16)>,
    /// The character of each number.
    characters: Vec<char>,
    /// What a character that is no word counts as: a word that is there once.
    pub(super) unknown: f64,
}

/// A word as the short form has it.
struct Entry {
    /// Characters shared with the word before.
    shared: usize,
    rest: Vec<char>,
    count: u64,
}

/// Reads the short form, to its end or to the first byte that is none of it.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Entry> {
    std::iter::from_fn(move || {
        let (&head, mut after) = bytes.split_first()?;
        let mut rest = Vec::with_capacity(4);
        for _ in 0..=head & 15 {
            let length = match after.first()? {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            let character = after.get(..length)?;
            rest.push(std::str::from_utf8(character).ok()?.chars().next()?);
            after = &after[length..];
        }
        let mut count = 0;
        for shift in (0..63).step_by(7) {
            let (&byte, left) = after.split_first()?;
            after = left;
            count |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        bytes = after;
        Some(Entry { shared: usize::from(head >> 4), rest, count })
    })
}

/// A node of the tree from which the array is made. The children of a node follow each other in the order of making.
struct Branch {
    parent: u32,
    character: u32,
    count: u64,
}

impl Dictionary {
    /// The dictionary of jieba-rs.
    #[must_use]
    pub(super) fn jieba() -> Self {
        Self::read(JIEBA)
    }

    fn read(bytes: &[u8]) -> Self {
        let mut numbers: HashMap<char, u32> = HashMap::new();
        let mut characters = Vec::new();
        let mut seen: Vec<u64> = Vec::new();
        // The root is the branch 0; of the word before, the branch of each character.
        let mut branches = vec![Branch { parent: 0, character: 0, count: 0 }];
        let mut path = vec![0_u32];
        let mut total = 0;
        for Entry { shared, rest, count } in entries(bytes) {
            path.truncate(shared + 1);
            for character in rest {
                let number = *numbers.entry(character).or_insert_with(|| {
                    characters.push(character);
                    seen.push(0);
                    characters.len() as u32 - 1
                });
                path.push(branches.len() as u32);
                branches.push(Branch { parent: path[path.len() - 2], character: number, count: 0 });
            }
            for &branch in &path[1..] {
                seen[branches[branch as usize].character as usize] += count;
            }
            if let Some(&last) = path.last() {
                branches[last as usize].count = count;
            }
            total += count;
        }
        let mut order: Vec<u32> = (0..characters.len() as u32).collect();
        order.sort_by_key(|&number| (std::cmp::Reverse(seen[number as usize]), characters[number as usize]));
        let mut code_of = vec![0_u16; characters.len()];
        for (place, &number) in order.iter().enumerate() {
            code_of[number as usize] = FIRST_CODE + place as u16;
        }
        let ln_total = (total as f64).ln();
        let mut share_of: Vec<u64> = branches.iter().map(|branch| branch.count).filter(|&count| count > 0).collect();
        share_of.sort_unstable_by(|left, right| right.cmp(left));
        share_of.dedup();
        let mut shares = vec![f64::NAN; share_of.len() + 1];
        for (share, &count) in shares[1..].iter_mut().zip(&share_of) {
            *share = (count as f64).ln() - ln_total;
        }
        let mut dictionary = Self {
            nodes: double_array(&branches, &code_of, &share_of),
            shares,
            codes: (0..=u16::MAX).map(|point| class_of(point.into())).collect(),
            beyond: Vec::new(),
            characters: order.iter().map(|&number| characters[number as usize]).collect(),
            // As jieba-rs computes it.
            unknown: 0.0 - ln_total,
        };
        for (place, &character) in dictionary.characters.iter().enumerate() {
            let (point, code) = (u32::from(character), FIRST_CODE + place as u16);
            match dictionary.codes.get_mut(point as usize) {
                // A word with a character that ends every run is never found, like γ射线.
                Some(known) if *known == OUTSIDE => {}
                Some(known) => *known = code,
                None => dictionary.beyond.push((point, code)),
            }
        }
        dictionary.beyond.sort_unstable();
        dictionary
    }

    /// The number of a character: [`OUTSIDE`], [`IN_NO_WORD`], or its own.
    #[inline]
    pub(super) fn code(&self, point: u32) -> u16 {
        match self.codes.get(point as usize) {
            Some(&code) => code,
            None => self.code_beyond(point),
        }
    }

    #[cold]
    fn code_beyond(&self, point: u32) -> u16 {
        match self.beyond.binary_search_by_key(&point, |&(known, _)| known) {
            Ok(at) => self.beyond[at].1,
            Err(_) => class_of(point),
        }
    }

    /// Places of the array: the number of a word is below.
    #[must_use]
    pub fn places(&self) -> usize {
        self.nodes.len()
    }

    /// The number of a word, if it is one.
    #[must_use]
    pub fn number(&self, word: &str) -> Option<u32> {
        let mut place = 0;
        for character in word.chars() {
            let code = self.code(character.into());
            let next = self.nodes[place].base() as usize + usize::from(code);
            let node = self.nodes.get(next).filter(|_| code >= FIRST_CODE)?;
            if node.parent() != place as u32 {
                return None;
            }
            place = next;
        }
        (self.nodes[place].share() > 0).then_some(place as u32)
    }

    /// The word of a number; empty for the number of none.
    #[must_use]
    pub fn word(&self, number: u32) -> String {
        let mut reversed: Vec<char> = Vec::new();
        let mut place = number;
        while place != 0 && reversed.len() < LONGEST {
            let Some(node) = self.nodes.get(place as usize).filter(|node| node.parent() != FREE) else { break };
            let parent = node.parent();
            let code = place.wrapping_sub(self.nodes[parent as usize].base()) as usize;
            let Some(&character) = self.characters.get(code.wrapping_sub(FIRST_CODE.into())) else { break };
            reversed.push(character);
            place = parent;
        }
        reversed.iter().rev().collect()
    }

    /// The numbers of all words.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..self.nodes.len() as u32).filter(|&place| self.nodes[place as usize].share() > 0)
    }

    /// Sets the flags of a word.
    pub(super) fn set_flags(&mut self, word: u32, flags: u32) {
        if let Some(node) = self.nodes.get_mut(word as usize) {
            node.0 |= u64::from(flags & FLAGS);
        }
    }
}

/// Whether a character may stand in a run, as jieba-rs decides: Han, ASCII letters and digits and `+#&._%-`.
fn class_of(point: u32) -> u16 {
    let within = match point {
        0x4e00..=0x9fff
        | 0x3400..=0x4dbf
        | 0xf900..=0xfaff
        | 0x20000..=0x2a6df
        | 0x2a700..=0x2ebef
        | 0x2f800..=0x2fa1f => true,
        0..0x80 => {
            let byte = point as u8;
            byte.is_ascii_alphanumeric() || b"+#&._%-".contains(&byte)
        }
        _ => false,
    };
    if within { IN_NO_WORD } else { OUTSIDE }
}

/// Free places, a bit each.
struct Places {
    taken: Vec<u64>,
}

impl Places {
    fn block(&self, place: usize) -> u64 {
        let (word, shift) = (place / 64, place % 64);
        let low = self.taken.get(word).copied().unwrap_or(0) >> shift;
        let high = if shift == 0 { 0 } else { self.taken.get(word + 1).copied().unwrap_or(0) << (64 - shift) };
        low | high
    }

    fn take(&mut self, place: usize) {
        if self.taken.len() <= place / 64 {
            self.taken.resize(place / 64 + 1, 0);
        }
        self.taken[place / 64] |= 1 << (place % 64);
    }

    /// The first block of 64 from one on that has a free place.
    fn not_full(&self, mut block: usize) -> usize {
        while self.taken.get(block) == Some(&u64::MAX) {
            block += 1;
        }
        block
    }

    /// The first base from `block * 64` on with which all children fall on free places; 64 are tried at once.
    fn base(&self, mut block: usize, codes: &[u16]) -> usize {
        loop {
            let mut taken = 0;
            for &code in codes {
                taken |= self.block(block * 64 + usize::from(code));
                if taken == u64::MAX {
                    break;
                }
            }
            if taken != u64::MAX {
                return block * 64 + taken.trailing_ones() as usize;
            }
            block += 1;
        }
    }
}

/// Lays the tree out: the root's children at their characters' numbers, then nodes with many children before such with
/// few, so that the last, with one child each, fill the gaps. `counts` are those of words, descending, each once.
fn double_array(branches: &[Branch], code_of: &[u16], counts: &[u64]) -> Vec<Node> {
    let mut starts = vec![0_u32; branches.len() + 1];
    for branch in &branches[1..] {
        starts[branch.parent as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut fill = starts.clone();
    let mut children = vec![0_u32; branches.len() - 1];
    for (number, branch) in branches.iter().enumerate().skip(1) {
        let at = &mut fill[branch.parent as usize];
        children[*at as usize] = number as u32;
        *at += 1;
    }
    let count = |branch: u32| starts[branch as usize + 1] - starts[branch as usize];
    let mut order: Vec<u32> = (1..branches.len() as u32).filter(|&branch| count(branch) > 0).collect();
    order.sort_by_key(|&branch| std::cmp::Reverse(count(branch)));

    let most = usize::from(FIRST_CODE) + code_of.len();
    let mut places = Places { taken: Vec::new() };
    // The root, and the two numbers of characters that are in no word.
    for place in 0..usize::from(FIRST_CODE) {
        places.take(place);
    }
    let mut bases = vec![0_u32; branches.len()];
    let mut codes = Vec::new();
    let (mut block, mut before, mut filling) = (1, 1_usize, false);
    for branch in std::iter::once(0).chain(order) {
        codes.clear();
        let range = starts[branch as usize] as usize..starts[branch as usize + 1] as usize;
        codes.extend(children[range].iter().map(|&child| code_of[branches[child as usize].character as usize]));
        codes.sort_unstable();
        let base = match *codes {
            _ if branch == 0 => 0,
            [only] => {
                // The root's children take the first places, so a free one lies after every character's number.
                block = places.not_full(if filling { block } else { most.div_ceil(64) });
                filling = true;
                block * 64 + places.block(block * 64).trailing_ones() as usize - usize::from(only)
            }
            _ => {
                // Nodes of about as many children go on where the last one found room; smaller ones fill what is left.
                let from = if before.ilog2() == codes.len().ilog2() { block } else { 1 };
                let base = places.base(from, &codes);
                block = from + (base / 64 - from) / 8;
                base
            }
        };
        before = codes.len();
        bases[branch as usize] = base as u32;
        for &code in &codes {
            places.take(base + usize::from(code));
        }
    }
    let length = bases.iter().max().map_or(0, |&base| base as usize) + most + 1;
    let mut nodes = vec![Node::FREE; length];
    let mut place_of = vec![0_u32; branches.len()];
    // A parent is made before its children, so its place is known.
    for (number, branch) in branches.iter().enumerate().skip(1) {
        let parent = branch.parent as usize;
        let place = bases[parent] + u32::from(code_of[branch.character as usize]);
        place_of[number] = place;
        let share = counts.binary_search_by(|count| branch.count.cmp(count)).map_or(0, |at| at as u16 + 1);
        nodes[place as usize] = Node::new(place_of[parent], bases[number], share);
    }
    nodes
}
