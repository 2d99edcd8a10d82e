//! What is done with the ids of a text, one after the other.

/// Takes ids.
pub trait Sink {
    /// Takes the next id.
    fn id(&mut self, id: u32);
    /// A text begins.
    fn begin(&mut self);
    /// Whether the text has an id and its last one is `id`.
    fn ends_with(&self, id: u32) -> bool;
    /// Takes the next ids.
    #[inline(always)]
    fn ids(&mut self, ids: &[u32]) {
        ids.iter().for_each(|&id| self.id(id));
    }
    /// Takes the first `len` of some ids.
    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: [u32; N], len: usize) {
        self.ids(&ids[..len]);
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
        // All are written and the surplus cut off: a copy of a known length has no loop.
        let end = self.ids.len() + len;
        self.ids.extend_from_slice(&ids.map(u32::cast_signed));
        self.ids.truncate(end);
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
    fn ids(&mut self, ids: &[u32]) {
        self.count += ids.len();
        self.last = ids.last().copied().or(self.last);
    }

    #[inline(always)]
    fn first_ids<const N: usize>(&mut self, ids: [u32; N], len: usize) {
        self.count += len;
        self.last = if len == 0 { self.last } else { Some(ids[len - 1]) };
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
}
