//! The rows that were kept so far, and which of them a row may be similar to.

use super::Standing;
use super::postings::Postings;
use crate::near_dedup::exact_join::counts::{Counts, HALVING, STEADY};
use crate::near_dedup::exact_join::reader::Reader;

/// What bounds the memory of a component and of a block.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most rows of a block.
    pub block_rows: usize,
    /// Shingles of a block, repeats included, unless a single row has more.
    pub block_shingles: usize,
    /// Shingles of prefixes that are found by lookup, up to some 24 bytes each; rows that come later are compared
    /// one by one.
    pub indexed: usize,
    /// Shingles of kept rows that are held, 8 bytes each; other rows are read again when they are compared.
    pub held: usize,
}

impl Limits {
    /// Some 900 MB, if all is used.
    pub const DEFAULT: Self = Self { block_rows: 1 << 13, block_shingles: 1 << 22, indexed: 1 << 25, held: 1 << 23 };

    /// Where the block ends that begins at `start` and has about `rows` rows.
    pub fn end_of_block(&self, lengths: &[u32], start: usize, rows: usize) -> usize {
        let mut left = self.block_shingles;
        let within = lengths[start..].iter().take(rows.min(self.block_rows)).take_while(|&&length| {
            let fits = length as usize <= left;
            left = left.saturating_sub(length as usize);
            fits
        });
        start + within.count().max(1)
    }
}

/// The start of a row's shingles in the order of their frequency, rarest first.
pub struct Prefix<'a> {
    /// Distinct shingles of the row.
    pub size: usize,
    /// Shingles that no other row has; they come before `keys`.
    pub unique: usize,
    /// The others of the prefix, in order.
    pub keys: &'a [u64],
}

impl<'a> Prefix<'a> {
    /// From the distinct hashes of a row.
    pub fn of(reader: &Reader<'_>, counts: &Counts, hashes: &[u64], keys: &'a mut Vec<u64>) -> Self {
        let size = hashes.len();
        keys.clear();
        counts.prefetch(hashes);
        keys.extend(hashes.iter().map(|&hash| counts.key(hash)).filter(|key| key >> 56 > 1));
        let unique = size - keys.len();
        let left = (size - reader.least_with_any(size) + 1).saturating_sub(unique).min(keys.len());
        if (1..keys.len()).contains(&left) {
            keys.select_nth_unstable(left - 1);
        }
        keys.truncate(left);
        keys.sort_unstable();
        Self { size, unique, keys }
    }

    /// How many of `keys` are needed to meet a row that is no smaller.
    fn short(&self, reader: &Reader<'_>) -> usize {
        (self.size - reader.least_with_larger(self.size) + 1).saturating_sub(self.unique).min(self.keys.len())
    }

    /// How many of `keys` are looked up wherever they stand in another row's prefix: those that are needed, and as many
    /// behind them as are not much more frequent. So similar rows have many hits, not only one, and what the rows of a
    /// template have in common is left out.
    fn counted(&self, reader: &Reader<'_>) -> usize {
        const CHEAP: u64 = 16;
        let short = self.short(reader);
        let last = if short == 0 { 0 } else { self.keys[short - 1] >> 56 };
        // Above `STEADY` a count is a logarithm.
        let most = if last < u64::from(STEADY) { (2 * last).max(CHEAP) } else { last + u64::from(HALVING) };
        short + self.keys[short..].partition_point(|&key| key >> 56 <= most)
    }
}

/// Kept rows by number, in the order of keeping.
pub struct Kept {
    rows: Vec<Standing>,
    sizes: Vec<u32>,
    uniques: Vec<u32>,
    /// The upper halves of the prefixes' keys, and where those of each row end.
    keys: Vec<u32>,
    key_ends: Vec<usize>,
    postings: Postings,
    /// Rows that came after [`Limits::indexed`] was reached.
    unindexed: Vec<u32>,
    most_indexed: usize,
    /// The hashes of the first rows, and where those of each end.
    held: Vec<u64>,
    held_ends: Vec<usize>,
    most_held: usize,
}

/// Makes the key of a shingle another one where it stands behind the start that meets larger rows.
const BEHIND: u64 = 0x5a_a5c3_3c96_695a;

/// The part of a key that is held of every row: its count and the upper bits of its hash. What two rows seem to share by
/// it is never less than what they share.
fn upper(key: u64) -> u32 {
    (key >> 32) as u32
}

impl Kept {
    /// No row yet; `entries` shingles may come to be indexed.
    pub fn for_about(entries: usize, limits: &Limits) -> Self {
        Self {
            rows: Vec::new(),
            sizes: Vec::new(),
            uniques: Vec::new(),
            keys: Vec::new(),
            key_ends: Vec::new(),
            postings: Postings::for_about(entries.min(limits.indexed)),
            unindexed: Vec::new(),
            most_indexed: limits.indexed,
            held: Vec::new(),
            held_ends: Vec::new(),
            most_held: limits.held,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The row of a number.
    pub fn row(&self, kept: u32) -> Standing {
        self.rows[kept as usize]
    }

    /// Adds a row.
    pub fn push(&mut self, reader: &Reader<'_>, row: Standing, prefix: &Prefix<'_>) {
        let kept = self.len();
        self.rows.push(row);
        self.sizes.push(prefix.size as u32);
        if self.postings.len() + prefix.keys.len() > self.most_indexed {
            self.unindexed.push(kept);
            self.uniques.push(0);
        } else {
            let short = prefix.short(reader);
            for (at, &key) in prefix.keys.iter().enumerate() {
                self.postings.push(if at < short { key } else { key ^ BEHIND }, kept);
            }
            self.keys.extend(prefix.keys.iter().map(|&key| upper(key)));
            self.uniques.push(prefix.unique as u32);
        }
        self.key_ends.push(self.keys.len());
    }

    /// Numbers, ascending, of the rows from `since` on that may be similar to a row. `hits` is all zeros, before and
    /// after.
    pub fn candidates(
        &self,
        reader: &Reader<'_>,
        prefix: &Prefix<'_>,
        since: u32,
        hits: &mut Vec<u16>,
        candidates: &mut Vec<u32>,
    ) {
        candidates.clear();
        if since == self.len() {
            return;
        }
        hits.resize(self.rows.len(), 0);
        self.postings.prefetch(prefix.keys);
        let counted = prefix.counted(reader);
        for (at, &key) in prefix.keys.iter().enumerate() {
            let mut found = |kept: u32| {
                let hits = &mut hits[kept as usize];
                if *hits == 0 {
                    candidates.push(kept);
                }
                *hits = hits.saturating_add(1);
            };
            self.postings.rows_with(key, since, &mut found);
            if at < counted {
                self.postings.rows_with(key ^ BEHIND, since, &mut found);
            }
        }
        let behind = prefix.size - prefix.unique - counted;
        candidates.retain(|&kept| {
            let kept = kept as usize;
            let (hits, size) = (std::mem::take(&mut hits[kept]), self.sizes[kept] as usize);
            // In the order of the shingles one prefix ends first: what is common up to there was counted, and no more
            // than all that is behind it can follow.
            let most = usize::from(hits) + behind.max(self.behind(kept));
            hits == u16::MAX || reader.may_suffice(most.min(size).min(prefix.size), prefix.size + size)
        });
        let from = self.unindexed.partition_point(|&kept| kept < since);
        candidates.extend_from_slice(&self.unindexed[from..]);
        candidates.sort_unstable();
    }

    /// Shingles of a row that are not in its prefix.
    fn behind(&self, kept: usize) -> usize {
        let start = if kept == 0 { 0 } else { self.key_ends[kept - 1] };
        (self.sizes[kept] - self.uniques[kept]) as usize - (self.key_ends[kept] - start)
    }

    /// Whether what is known of both rows' prefixes leaves it open that they are similar.
    pub fn may_match(&self, reader: &Reader<'_>, prefix: &Prefix<'_>, kept: u32) -> bool {
        let kept = kept as usize;
        let (size, unique) = (self.sizes[kept] as usize, self.uniques[kept] as usize);
        let start = if kept == 0 { 0 } else { self.key_ends[kept - 1] };
        let (left, right) = (prefix.keys, &self.keys[start..self.key_ends[kept]]);
        let (mut at, mut other_at, mut shared) = (0, 0, 0);
        while at < left.len() && other_at < right.len() {
            let (key, other_key) = (upper(left[at]), right[other_at]);
            shared += usize::from(key == other_key);
            at += usize::from(key <= other_key);
            other_at += usize::from(key >= other_key);
        }
        // All that is common up to the first end of a prefix, and no more behind than the smaller rest.
        let most = shared + (prefix.size - prefix.unique - at).min(size - unique - other_at);
        reader.may_suffice(most, prefix.size + size)
    }

    /// Holds the hashes of the rows that were added last, as far as there is room.
    pub fn hold(&mut self, hashes: &[&[u64]]) {
        if self.held_ends.len() + hashes.len() < self.rows.len() {
            return;
        }
        for hashes in hashes {
            if self.held.len() + hashes.len() > self.most_held {
                return;
            }
            self.held.extend_from_slice(hashes);
            self.held_ends.push(self.held.len());
        }
    }

    /// The hashes of a row, if they are held.
    pub fn held(&self, kept: u32) -> Option<&[u64]> {
        let kept = kept as usize;
        let start = if kept == 0 { 0 } else { self.held_ends.get(kept - 1).copied()? };
        self.held_ends.get(kept).map(|&end| &self.held[start..end])
    }
}
