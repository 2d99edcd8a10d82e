//! The n-grams of a stream of tokens and their adjusted counts, as tries that are read from the last token backwards.
//!
//! Every position of the stream gives a key: the tokens before it, the nearest first. The keys of one last token are
//! sorted; then a single scan finds every n-gram that ends with it, of all orders, and its adjusted count: how often the
//! longest ones come, and those that begin with `<s>`; for the others how many different tokens come before them
//! (Chen and Goodman 1998, section 4.1.6). Last tokens are taken in ranges, as many at once as the memory allows.

use std::ops::Range;

use rayon::prelude::*;

use super::stream::{Narrow, Stream};
use super::{BEGIN, END, LanguageModelError};
use crate::progress::{Cancelled, Progress};

/// The n-grams of one order, sorted by their tokens from the last to the first.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// First token of each n-gram: what it has more than the n-gram of the order below that it ends with.
    pub tokens: Vec<u32>,
    /// The first of the n-grams one order above that end with each, and their number at the end; none for the last order.
    pub first_child: Vec<u32>,
    /// Adjusted count of each.
    pub counts: Vec<u32>,
}

/// All n-grams of the stream.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// From unigrams, one for each token of the vocabulary, on.
    pub levels: Vec<Level>,
}

impl Counts {
    /// For each order how many n-grams have the adjusted count 1, 2, 3 and 4.
    pub fn counts_of_counts(&self) -> Vec<[u64; 4]> {
        let of_level = |level: &Level| {
            let add = |mut sums: [u64; 4], &count: &u32| {
                if let Some(sum) = (count as usize).checked_sub(1).and_then(|place| sums.get_mut(place)) {
                    *sum += 1;
                }
                sums
            };
            let sum = |one: [u64; 4], other: [u64; 4]| std::array::from_fn(|place| one[place] + other[place]);
            level.counts.par_chunks(1 << 16).map(|part| part.iter().fold([0; 4], add)).reduce(|| [0; 4], sum)
        };
        self.levels.iter().map(of_level).collect()
    }
}

/// Tokens packed into a number, the first one highest.
trait Key: Copy + Ord + Send + Sync + Default {
    const BITS: u32;
    fn pushed(self, token: u32, bits: u32, width: u32) -> Self;
    fn token(self, place: u32, bits: u32, width: u32) -> u32;
    /// The first place at which two keys differ.
    fn differs(self, other: Self, bits: u32, width: u32) -> u32;
}

macro_rules! key {
    ($number:ty) => {
        impl Key for $number {
            const BITS: u32 = <$number>::BITS;

            #[inline(always)]
            fn pushed(self, token: u32, bits: u32, width: u32) -> Self {
                (self >> bits) | (Self::from(token) << (bits * (width - 1)))
            }

            #[inline(always)]
            fn token(self, place: u32, bits: u32, width: u32) -> u32 {
                (self >> (bits * (width - 1 - place))) as u32 & ((1 << bits) - 1)
            }

            #[inline(always)]
            fn differs(self, other: Self, bits: u32, width: u32) -> u32 {
                ((self ^ other).leading_zeros() - (Self::BITS - bits * width)) / bits
            }
        }
    };
}
key!(u64);
key!(u128);

/// How tokens are packed.
#[derive(Clone, Copy)]
struct Shape {
    bits: u32,
    /// Tokens in a key: the order less one.
    width: u32,
}

impl Shape {
    /// Tokens of a key up to `<s>`, or all.
    #[inline(always)]
    fn depth<K: Key>(self, key: K) -> u32 {
        (0..self.width).find(|&place| key.token(place, self.bits, self.width) == BEGIN).map_or(self.width, |at| at + 1)
    }

    /// Goes over sorted keys: for each, how many tokens it shares with the one before, and its depth.
    #[inline(always)]
    fn scan<K: Key>(self, keys: &[K], mut take: impl FnMut(K, u32, u32)) {
        let (mut before, mut depth) = (None, 0);
        for &key in keys {
            let shared = match before {
                Some(before) if before == key => self.width,
                Some(before) => key.differs(before, self.bits, self.width),
                None => 0,
            };
            if shared < self.width {
                depth = self.depth(key);
            }
            take(key, shared, depth);
            before = Some(key);
        }
    }
}

/// Memory that counting may use, and what the model needs once the n-grams are counted.
pub struct Room<'a> {
    /// Bytes in all.
    pub limit: u64,
    /// Bytes that are held by others meanwhile.
    pub held: u64,
    /// Bytes that what comes after needs, given the number of n-grams of each order.
    pub after: &'a dyn Fn(&[u64]) -> u64,
}

/// Counts the n-grams of a stream up to an order.
pub fn count(
    stream: &Stream,
    vocabulary: usize,
    order: usize,
    room: &Room<'_>,
    progress: &Progress,
) -> Result<Counts, LanguageModelError> {
    let bits = usize::BITS - (vocabulary.max(2) - 1).leading_zeros();
    let shape = Shape { bits, width: order as u32 - 1 };
    match (stream, bits * shape.width <= u64::BITS) {
        (Stream::Small(tokens), true) => Counter::<_, u64>::new(tokens, vocabulary, shape, progress)?.count(room),
        (Stream::Small(tokens), false) => Counter::<_, u128>::new(tokens, vocabulary, shape, progress)?.count(room),
        (Stream::Large(tokens), true) => Counter::<_, u64>::new(tokens, vocabulary, shape, progress)?.count(room),
        (Stream::Large(tokens), false) => Counter::<_, u128>::new(tokens, vocabulary, shape, progress)?.count(room),
    }
}

struct Counter<'a, T, K> {
    tokens: &'a [T],
    shape: Shape,
    /// How often each token ends an n-gram.
    ends: Vec<u32>,
    progress: &'a Progress,
    key: std::marker::PhantomData<K>,
}

/// The n-grams of each order above the first that end with each token.
type Sizes = Vec<Vec<u32>>;

impl<'a, T: Narrow, K: Key> Counter<'a, T, K> {
    fn new(
        tokens: &'a [T],
        vocabulary: usize,
        shape: Shape,
        progress: &'a Progress,
    ) -> Result<Self, LanguageModelError> {
        if u32::try_from(tokens.len()).is_err() {
            return Err(LanguageModelError::TooMany("tokens"));
        }
        if shape.bits * shape.width > K::BITS {
            return Err(LanguageModelError::TooMany("tokens in the vocabulary for this order"));
        }
        let mut ends = vec![0; vocabulary];
        for &token in &tokens[1..] {
            ends[token.into() as usize] += 1;
        }
        Ok(Self { tokens, shape, ends, progress, key: std::marker::PhantomData })
    }

    fn count(&self, room: &Room<'_>) -> Result<Counts, LanguageModelError> {
        let largest = u64::from(self.ends.iter().copied().max().unwrap_or(0)) * size_of::<K>() as u64;
        let free = |held: u64| room.limit.saturating_sub(room.held + held);
        let memory = |needed, what| LanguageModelError::Memory { needed, limit: room.limit, what };
        if self.shape.width > 0 && largest > free(0) {
            return Err(memory(room.held + largest, "the texts and the n-grams of their most frequent token"));
        }
        let ranges = self.ranges(free(0));
        self.progress.expect(self.tokens.len() as u64);
        let mut keys = Vec::new();
        let mut sizes: Sizes = vec![vec![0; self.ends.len()]; self.shape.width as usize];
        for ids in &ranges {
            self.sorted(ids.clone(), &mut keys)?;
            self.measure(ids.clone(), &keys, &mut sizes);
        }
        let mut nodes = vec![self.ends.len() as u64];
        nodes.extend(sizes.iter().map(|sizes| sizes.iter().map(|&size| u64::from(size)).sum::<u64>()));
        if nodes.iter().any(|&nodes| nodes >= u64::from(u32::MAX)) {
            return Err(LanguageModelError::TooMany("n-grams"));
        }
        let arrays: u64 = nodes.iter().map(|nodes| 12 * nodes).sum();
        let needed = (room.after)(&nodes).max(room.held + arrays + largest);
        if needed > room.limit {
            return Err(memory(needed, "its n-grams"));
        }
        let again = ranges.len() > 1 || arrays + (keys.len() * size_of::<K>()) as u64 > free(0);
        let ranges = if again { self.ranges(free(arrays)) } else { ranges };
        if again {
            keys = Vec::new();
            self.progress.expect(self.tokens.len() as u64);
        }
        let mut counts = self.empty(&sizes, &nodes);
        for ids in ranges {
            if again {
                self.sorted(ids.clone(), &mut keys)?;
            }
            self.fill(ids, &keys, &sizes, &mut counts);
        }
        Ok(counts)
    }

    /// Ranges of last tokens whose keys fit into so many bytes, each of at least one token.
    fn ranges(&self, bytes: u64) -> Vec<Range<usize>> {
        if self.shape.width == 0 {
            return std::iter::once(0..self.ends.len()).collect();
        }
        let most = bytes / size_of::<K>() as u64;
        let (mut ranges, mut start, mut sum) = (Vec::new(), 0, 0);
        for (id, &count) in self.ends.iter().enumerate() {
            if sum + u64::from(count) > most && id > start {
                ranges.push(start..id);
                (start, sum) = (id, 0);
            }
            sum += u64::from(count);
        }
        ranges.push(start..self.ends.len());
        ranges
    }

    /// The keys of all positions with a last token of the range, those of each token sorted.
    fn sorted(&self, ids: Range<usize>, keys: &mut Vec<K>) -> Result<(), Cancelled> {
        self.progress.check()?;
        if self.shape.width == 0 {
            return Ok(());
        }
        let sizes = &self.ends[ids.clone()];
        let total: usize = sizes.iter().map(|&size| size as usize).sum();
        keys.clear();
        keys.resize(total, K::default());
        // Each thread goes over the whole stream and takes what ends with its tokens.
        let threads = rayon::current_num_threads();
        let mut places = cut(keys, sizes).into_iter();
        let mut parts = Vec::new();
        let (mut start, mut sum) = (ids.start, 0);
        for (id, &size) in ids.clone().zip(sizes) {
            sum += size as usize;
            if sum * threads >= total * (parts.len() + 1) || id + 1 == ids.end {
                let range = start..=id;
                start = id + 1;
                parts.push((range.clone(), places.by_ref().take(range.count()).collect::<Vec<_>>()));
            }
        }
        parts.retain(|(_, places)| places.iter().any(|place| !place.is_empty()));
        parts.into_par_iter().try_for_each(|(range, mut places)| self.gather(*range.start(), &mut places))?;
        let parts = cut(keys, sizes);
        parts.into_par_iter().try_for_each(|keys| {
            self.progress.check()?;
            if keys.len() > LARGE {
                keys.par_sort_unstable();
            } else {
                keys.sort_unstable();
            }
            Ok(())
        })?;
        self.progress.advance(total as u64);
        Ok(())
    }

    fn gather(&self, first: usize, places: &mut [&mut [K]]) -> Result<(), Cancelled> {
        let Shape { bits, width } = self.shape;
        let begin = (0..width).fold(K::default(), |key, _| key.pushed(BEGIN, bits, width));
        let mut filled = vec![0_usize; places.len()];
        let mut key = begin;
        for tokens in self.tokens[1..].chunks(1 << 20) {
            self.progress.check()?;
            for &token in tokens {
                let token: u32 = token.into();
                let at = (token as usize).wrapping_sub(first);
                if let Some(place) = places.get_mut(at) {
                    place[filled[at]] = key;
                    filled[at] += 1;
                }
                key = if token == END { begin } else { key.pushed(token, bits, width) };
            }
        }
        Ok(())
    }

    /// Counts how many n-grams end with each token of the range.
    fn measure(&self, ids: Range<usize>, keys: &[K], sizes: &mut Sizes) {
        if self.shape.width == 0 {
            return;
        }
        let measured: Vec<[u32; super::MOST_ORDER]> = split(keys, &self.ends[ids.clone()])
            .into_par_iter()
            .map(|keys| {
                let mut nodes = [0; super::MOST_ORDER];
                self.shape.scan(keys, |_, shared, depth| {
                    for nodes in &mut nodes[shared as usize..depth.max(shared) as usize] {
                        *nodes += 1;
                    }
                });
                nodes
            })
            .collect();
        for (id, nodes) in ids.zip(measured) {
            for (sizes, nodes) in sizes.iter_mut().zip(nodes) {
                sizes[id] = nodes;
            }
        }
    }

    /// Levels of the right sizes; the unigrams are whole already.
    fn empty(&self, sizes: &Sizes, nodes: &[u64]) -> Counts {
        let order = nodes.len();
        let mut levels: Vec<Level> = nodes
            .iter()
            .enumerate()
            .map(|(at, &nodes)| {
                let nodes = nodes as usize;
                let mut first_child = vec![0; if at + 1 < order { nodes + 1 } else { 0 }];
                if let Some(last) = first_child.last_mut() {
                    *last = sizes[at].iter().sum();
                }
                Level { tokens: vec![0; nodes], first_child, counts: vec![0; nodes] }
            })
            .collect();
        let unigrams = &mut levels[0];
        unigrams.tokens.iter_mut().zip(0..).for_each(|(token, id)| *token = id);
        if order == 1 {
            unigrams.counts.clone_from(&self.ends);
        } else {
            unigrams.counts.clone_from(&sizes[0]);
            let mut first = 0;
            for (place, &size) in unigrams.first_child.iter_mut().zip(&sizes[0]) {
                *place = first;
                first += size;
            }
        }
        Counts { levels }
    }

    /// Enters the n-grams that end with the tokens of the range.
    fn fill(&self, ids: Range<usize>, keys: &[K], sizes: &Sizes, counts: &mut Counts) {
        if self.shape.width == 0 {
            return;
        }
        let mut tasks: Vec<Fill<'_>> = ids.clone().map(|_| Fill::default()).collect();
        for (sizes, level) in sizes.iter().zip(&mut counts.levels[1..]) {
            let before: u32 = sizes[..ids.start].iter().sum();
            let nodes: usize = sizes[ids.clone()].iter().map(|&size| size as usize).sum();
            let range = before as usize..before as usize + nodes;
            let sizes = &sizes[ids.clone()];
            let tokens = cut(&mut level.tokens[range.clone()], sizes);
            let counts = cut(&mut level.counts[range.clone()], sizes);
            let children: Vec<&mut [u32]> = if level.first_child.is_empty() {
                sizes.iter().map(|_| &mut [][..]).collect()
            } else {
                cut(&mut level.first_child[range], sizes)
            };
            let mut first = before;
            for (task, (((tokens, counts), children), size)) in
                tasks.iter_mut().zip(tokens.into_iter().zip(counts).zip(children).zip(sizes))
            {
                task.levels.push(FillLevel { tokens, counts, children, first, used: 0 });
                first += size;
            }
        }
        tasks.into_par_iter().zip(split(keys, &self.ends[ids])).for_each(|(task, keys)| task.enter(self.shape, keys));
    }
}

/// Cuts a slice into parts of these sizes.
fn split<'s, I>(mut all: &'s [I], sizes: &[u32]) -> Vec<&'s [I]> {
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let (part, rest) = all.split_at(size as usize);
        parts.push(part);
        all = rest;
    }
    parts
}

/// The same for a slice that is written.
pub fn cut<'s, I>(mut all: &'s mut [I], sizes: &[u32]) -> Vec<&'s mut [I]> {
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let (part, rest) = all.split_at_mut(size as usize);
        parts.push(part);
        all = rest;
    }
    parts
}

/// The part of the levels above the first that holds the n-grams with one last token.
#[derive(Default)]
struct Fill<'a> {
    levels: Vec<FillLevel<'a>>,
}

struct FillLevel<'a> {
    tokens: &'a mut [u32],
    counts: &'a mut [u32],
    children: &'a mut [u32],
    /// Number of the first n-gram of the part among those of its order.
    first: u32,
    used: usize,
}

impl Fill<'_> {
    fn enter<K: Key>(mut self, shape: Shape, keys: &[K]) {
        shape.scan(keys, |key, shared, depth| {
            for place in shared..depth {
                let at = place as usize;
                if let Some(parent) = at.checked_sub(1).and_then(|at| self.levels.get_mut(at)) {
                    parent.counts[parent.used - 1] += 1;
                }
                let children = self.levels.get(at + 1).map(|level| level.first + level.used as u32);
                let level = &mut self.levels[at];
                level.tokens[level.used] = key.token(place, shape.bits, shape.width);
                if let Some(children) = children {
                    level.children[level.used] = children;
                }
                level.used += 1;
            }
            let last = &mut self.levels[depth as usize - 1];
            last.counts[last.used - 1] += 1;
        });
    }
}

/// Keys from which on more than one thread sorts.
const LARGE: usize = 1 << 17;
