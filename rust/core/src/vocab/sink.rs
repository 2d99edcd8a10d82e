//! What is done with the ids of a text, one after the other.

use std::mem::MaybeUninit;

use super::walk::{Walk, walk};
use crate::progress::Cancelled;
use crate::{dispatch, memory};

dispatch!(fn walk_ids(over: &mut Walk<'_, Ids>) -> Result<bool, Cancelled> = walk);
dispatch!(fn walk_count(over: &mut Walk<'_, Count>) -> Result<bool, Cancelled> = walk);
dispatch!(fn walk_histogram(over: &mut Walk<'_, Histogram>) -> Result<bool, Cancelled> = walk);

/// Ids that are copied together.
const TOGETHER: usize = 4;

/// Where some ids can be written.
pub struct Room<'a, const N: usize> {
    places: &'a mut [MaybeUninit<i32>; N],
    count: usize,
}

impl<const N: usize> Room<'_, N> {
    /// Writes the first `len` of some ids, not all of them, if there is room for all.
    #[inline(always)]
    pub fn some_ids<const M: usize>(&mut self, ids: &[u32; M], len: usize) {
        self.first_ids(ids, len % M);
    }

    /// Writes the first `len` of some ids if there is room for all.
    #[inline(always)]
    pub fn first_ids<const M: usize>(&mut self, ids: &[u32; M], len: usize) {
        const { assert!(M <= N) };
        // What is too much is written over.
        if self.count <= N - M {
            self.places[self.count..][..M].copy_from_slice(&ids.map(|id| MaybeUninit::new(id.cast_signed())));
            self.count += len.min(M);
        }
    }

    /// What was written.
    fn ids(&self) -> &[i32] {
        // SAFETY: the first `count` places were written.
        unsafe { self.places[..self.count].assume_init_ref() }
    }
}

/// Takes ids.
pub trait Sink {
    /// Takes the next id.
    fn id(&mut self, id: u32);
    /// A text ends.
    fn end(&mut self);
    /// Whether there may be no further text.
    fn is_full(&self) -> bool {
        false
    }
    /// Whether the text has an id and its last one is `id`.
    fn ends_with(&self, id: u32) -> bool;
    /// Walks over texts, compiled for the instruction set in use.
    fn walk(walk: &mut Walk<'_, Self>) -> Result<bool, Cancelled>
    where
        Self: Sized;
    /// Takes the first `len` of some ids, of which there are a multiple of [`TOGETHER`].
    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: &[u32; N], len: usize) {
        ids[..len].iter().for_each(|&id| self.id(id));
    }
    /// Takes the ids that `write` writes, at most `N`.
    fn write<const N: usize>(&mut self, write: impl FnOnce(&mut Room<'_, N>));
}

/// Ids that lists with offsets of 32 bits may have.
pub const MOST_IDS: usize = i32::MAX as usize;

/// Keeps all ids.
#[derive(Debug, Default)]
pub struct Ids {
    pub all: Vec<i32>,
    /// How many each text has that has ended.
    pub counts: Vec<u32>,
    start: usize,
}

impl Ids {
    /// None, with room for so many.
    pub fn with_room(ids: usize) -> Self {
        Self { all: memory::with_room(ids), ..Self::default() }
    }
}

impl Sink for Ids {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.all.push(id.cast_signed());
    }

    #[inline(always)]
    fn end(&mut self) {
        self.counts.push((self.all.len() - self.start) as u32);
        self.start = self.all.len();
    }

    fn is_full(&self) -> bool {
        self.all.len() > MOST_IDS
    }

    fn ends_with(&self, id: u32) -> bool {
        self.all.len() > self.start && self.all.last() == Some(&id.cast_signed())
    }

    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: &[u32; N], len: usize) {
        const { assert!(N.is_multiple_of(TOGETHER)) };
        let start = self.all.len();
        if self.all.capacity() - start < N {
            self.all.reserve(N);
        }
        // Some more than `len` are written and the surplus forgotten: copies of a known length have no loop.
        let groups = ids.as_chunks::<TOGETHER>().0;
        let places = self.all.spare_capacity_mut()[..N].as_chunks_mut::<TOGETHER>().0;
        for (places, group) in places.iter_mut().zip(groups).take(len.div_ceil(TOGETHER)) {
            *places = group.map(|id| MaybeUninit::new(id.cast_signed()));
        }
        // SAFETY: there is room for `N` more, the first `len` of which, or all, were just written.
        unsafe { self.all.set_len(start + len.min(N)) };
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, write: impl FnOnce(&mut Room<'_, N>)) {
        let start = self.all.len();
        if self.all.capacity() - start < N {
            self.all.reserve(N);
        }
        if let Some(places) = self.all.spare_capacity_mut().first_chunk_mut() {
            let mut room = Room { places, count: 0 };
            write(&mut room);
            let count = room.count;
            // SAFETY: so many were written.
            unsafe { self.all.set_len(start + count) };
        }
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<bool, Cancelled> {
        walk_ids(walk)
    }
}

/// Counts ids.
#[derive(Debug, Default)]
pub struct Count {
    /// How many each text has that has ended.
    pub counts: Vec<u32>,
    so_far: usize,
    last: Option<u32>,
}

impl Sink for Count {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.so_far += 1;
        self.last = Some(id);
    }

    #[inline(always)]
    fn end(&mut self) {
        self.counts.push(self.so_far as u32);
        (self.so_far, self.last) = (0, None);
    }

    fn ends_with(&self, id: u32) -> bool {
        self.last == Some(id)
    }

    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: &[u32; N], len: usize) {
        self.so_far += len;
        self.last = if len == 0 { self.last } else { Some(ids[len - 1]) };
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, write: impl FnOnce(&mut Room<'_, N>)) {
        let mut room = Room { places: &mut [MaybeUninit::uninit(); N], count: 0 };
        write(&mut room);
        self.so_far += room.count;
        self.last = room.ids().last().map_or(self.last, |last| Some(last.cast_unsigned()));
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<bool, Cancelled> {
        walk_count(walk)
    }
}

/// Counts each id on its own.
#[derive(Debug)]
pub struct Histogram {
    pub count: Count,
    /// How often each id is in all texts.
    pub sums: Vec<u64>,
}

impl Histogram {
    pub fn new(size: usize) -> Self {
        Self { count: Count::default(), sums: vec![0; size] }
    }
}

impl Sink for Histogram {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.sums[id as usize] += 1;
        self.count.id(id);
    }

    #[inline(always)]
    fn end(&mut self) {
        self.count.end();
    }

    fn ends_with(&self, id: u32) -> bool {
        self.count.ends_with(id)
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, write: impl FnOnce(&mut Room<'_, N>)) {
        let mut room = Room { places: &mut [MaybeUninit::uninit(); N], count: 0 };
        write(&mut room);
        room.ids().iter().for_each(|id| self.id(id.cast_unsigned()));
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<bool, Cancelled> {
        walk_histogram(walk)
    }
}
