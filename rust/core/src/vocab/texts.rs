//! Many texts, on the threads of the current pool.

use std::sync::PoisonError;

use rayon::prelude::*;

use super::encoder::{BytePairEncoder, Scratch};
use super::sink::{Count, Histogram, Ids, MOST_IDS};
use crate::memory::with_room;
use crate::progress::{Cancelled, Progress};

/// Bytes of texts that one task takes at least.
const PART: usize = 1 << 18;

/// Ids that there is room for at the start at most: 256 MiB, of which only what is written to is taken.
const ROOM: usize = 1 << 26;
/// There is so many times the room that the last texts would have needed, and so much for the fewest.
const MORE: f64 = 1.05;
const LEAST_ROOM: usize = 64;

/// The ids of texts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// One text's after the other's.
    pub ids: Vec<i32>,
    /// How many each text has.
    pub counts: Vec<u32>,
}

/// How many ids there is room for at the start: no text has more ids than bytes but for a space before or behind it.
fn most_ids(texts: &[&str]) -> usize {
    texts.iter().map(|text| text.len() + 1).sum::<usize>().min(ROOM)
}

/// Consecutive texts of about [`PART`] bytes.
fn parts<'a, 't>(texts: &'a [&'t str]) -> Vec<&'a [&'t str]> {
    let (mut parts, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (number, text) in texts.iter().enumerate() {
        bytes += text.len() + 1;
        if bytes >= PART {
            parts.push(&texts[first..=number]);
            (first, bytes) = (number + 1, 0);
        }
    }
    parts.push(&texts[first..]);
    parts
}

impl Scratch {
    /// Room for the ids of texts that have so many at most: about as many as the last ones had.
    fn room_for(&self, most: usize) -> usize {
        self.share.map_or(most, |share| ((most as f64 * share * MORE) as usize + LEAST_ROOM).min(most))
    }

    fn remember_room(&mut self, ids: usize, most: usize) {
        self.share = Some(ids as f64 / most.max(1) as f64);
    }
}

impl BytePairEncoder {
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let kept = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = kept.unwrap_or_else(|| Scratch::new(self.words.as_ref()));
        let result = work(&mut scratch);
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        result
    }

    /// The ids of texts, those of the library's `encode`: none for an empty text. None if there are more than 2³¹ − 1.
    ///
    /// # Errors
    /// [`Cancelled`] once `progress` was cancelled.
    pub fn encode(&self, texts: &[&str], progress: &Progress) -> Result<Option<Encoded>, Cancelled> {
        let encode = |texts: &[&str]| {
            self.with_scratch(|scratch| {
                let most = most_ids(texts);
                let mut ids = Ids::with_room(scratch.room_for(most));
                let all = self.encode_texts(texts, scratch, progress, &mut ids)?;
                scratch.remember_room(ids.all.len(), most);
                // The allocator keeps what it gets back as it was given, for the next texts.
                if ids.all.capacity() > ids.all.len() + ids.all.len() / 8 {
                    ids.all.shrink_to_fit();
                }
                Ok(all.then_some(Encoded { ids: ids.all, counts: ids.counts }))
            })
        };
        if rayon::current_num_threads() == 1 {
            return encode(texts);
        }
        let mut all = Encoded { ids: with_room(most_ids(texts)), counts: Vec::with_capacity(texts.len()) };
        for parts in parts(texts).chunks(8 * rayon::current_num_threads()) {
            let done: Vec<Option<Encoded>> = parts.par_iter().map(|texts| encode(texts)).collect::<Result<_, _>>()?;
            for part in done {
                let Some(part) = part.filter(|part| all.ids.len() + part.ids.len() <= MOST_IDS) else {
                    return Ok(None);
                };
                all.ids.extend_from_slice(&part.ids);
                all.counts.extend_from_slice(&part.counts);
            }
        }
        all.ids.shrink_to_fit();
        Ok(Some(all))
    }

    /// How many ids each text has.
    ///
    /// # Errors
    /// [`Cancelled`] once `progress` was cancelled.
    pub fn count(&self, texts: &[&str], progress: &Progress) -> Result<Vec<u32>, Cancelled> {
        let counts: Vec<Vec<u32>> = parts(texts)
            .par_iter()
            .map(|texts| {
                let mut count = Count::default();
                self.with_scratch(|scratch| self.encode_texts(texts, scratch, progress, &mut count))?;
                Ok(count.counts)
            })
            .collect::<Result<_, _>>()?;
        Ok(counts.concat())
    }

    /// How many ids each text has, and how often each id is in all of them.
    ///
    /// # Errors
    /// [`Cancelled`] once `progress` was cancelled.
    pub fn histogram(&self, texts: &[&str], progress: &Progress) -> Result<(Vec<u32>, Vec<u64>), Cancelled> {
        let parts = parts(texts);
        // Each has counts of every id: there are as many as threads.
        let share = parts.len().div_ceil(rayon::current_num_threads());
        let done: Vec<(Vec<u32>, Vec<u64>)> = parts
            .par_chunks(share)
            .map(|parts| {
                let mut histogram = Histogram::new(self.size());
                for texts in parts {
                    self.with_scratch(|scratch| self.encode_texts(texts, scratch, progress, &mut histogram))?;
                }
                Ok((histogram.count.counts, histogram.sums))
            })
            .collect::<Result<_, _>>()?;
        let mut sums = vec![0; self.size()];
        let mut counts = Vec::with_capacity(texts.len());
        for (of_texts, of_ids) in done {
            counts.extend_from_slice(&of_texts);
            sums.iter_mut().zip(of_ids).for_each(|(sum, count)| *sum += count);
        }
        Ok((counts, sums))
    }
}
