//! What is done with the ids of a text, one after the other.

use super::block::{Walk, walk};
use crate::dispatch;
use crate::progress::Cancelled;

dispatch!(fn walk_ids(over: &mut Walk<'_, Ids>) -> Result<(), Cancelled> = walk);
dispatch!(fn walk_count(over: &mut Walk<'_, Count>) -> Result<(), Cancelled> = walk);
dispatch!(fn walk_histogram(over: &mut Walk<'_, Histogram>) -> Result<(), Cancelled> = walk);

/// Takes ids.
pub trait Sink {
    /// Takes the next id.
    fn id(&mut self, id: u32);
    /// A text begins.
    fn begin(&mut self);
    /// Whether the text has an id and its last one is `id`.
    fn ends_with(&self, id: u32) -> bool;
    /// Walks over a text, compiled for the instruction set in use.
    fn walk(walk: &mut Walk<'_, Self>) -> Result<(), Cancelled>
    where
        Self: Sized;
    /// Takes the first `len` of some ids.
    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: [u32; N], len: usize) {
        ids[..len].iter().for_each(|&id| self.id(id));
    }
}

/// Keeps all ids.
#[derive(Debug, Default)]
pub struct Ids {
    pub ids: Vec<i32>,
    start: usize,
}

impl Ids {
    /// Ids of the text that began last.
    pub fn of_text(&self) -> usize {
        self.ids.len() - self.start
    }
}

impl Sink for Ids {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.ids.push(id.cast_signed());
    }

    fn begin(&mut self) {
        self.start = self.ids.len();
    }

    fn ends_with(&self, id: u32) -> bool {
        self.ids.len() > self.start && self.ids.last() == Some(&id.cast_signed())
    }

    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: [u32; N], len: usize) {
        debug_assert!(len <= N);
        let start = self.ids.len();
        if self.ids.capacity() - start < N {
            self.ids.reserve(N);
        }
        // All are written and the surplus forgotten: a copy of a known length has no loop.
        self.ids.spare_capacity_mut()[..N].iter_mut().zip(ids).for_each(|(place, id)| {
            place.write(id.cast_signed());
        });
        // SAFETY: there is room for `N` more, all of which were just written, and `len` is at most that.
        unsafe { self.ids.set_len(start + len.min(N)) };
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<(), Cancelled> {
        walk_ids(walk)
    }
}

/// Counts ids.
#[derive(Debug, Default)]
pub struct Count {
    pub count: usize,
    last: Option<u32>,
}

impl Sink for Count {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.count += 1;
        self.last = Some(id);
    }

    fn begin(&mut self) {
        *self = Self::default();
    }

    fn ends_with(&self, id: u32) -> bool {
        self.last == Some(id)
    }

    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: [u32; N], len: usize) {
        self.count += len;
        self.last = if len == 0 { self.last } else { Some(ids[len - 1]) };
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<(), Cancelled> {
        walk_count(walk)
    }
}

/// Counts each id on its own.
#[derive(Debug)]
pub struct Histogram {
    pub count: Count,
    pub counts: Vec<u64>,
}

impl Histogram {
    pub fn new(size: usize) -> Self {
        Self { count: Count::default(), counts: vec![0; size] }
    }
}

impl Sink for Histogram {
    #[inline(always)]
    fn id(&mut self, id: u32) {
        self.counts[id as usize] += 1;
        self.count.id(id);
    }

    fn begin(&mut self) {
        self.count.begin();
    }

    fn ends_with(&self, id: u32) -> bool {
        self.count.ends_with(id)
    }

    fn walk(walk: &mut Walk<'_, Self>) -> Result<(), Cancelled> {
        walk_histogram(walk)
    }
}
