//! Banding: rows whose signatures agree in all lanes of one band are candidates (Leskovec et al. 2014, ch. 3.4).

use rayon::prelude::*;

use super::components::Components;
use super::signatures::Signatures;
use super::sketch::equal_lanes;
use crate::memory::zeroed;
use crate::progress::{Cancelled, Progress};

/// Bands whose keys are gathered together: with four lanes a band, one cache line of every signature.
const BANDS_AT_ONCE: usize = 8;
/// Rows of a tile of gathered keys.
const TILE: usize = 1 << 12;
/// Few enough partitions for the second-level address cache, small enough for the second-level data cache.
const MOST_PARTITIONS: usize = 1 << 12;
const ROWS_PER_PARTITION: usize = 1 << 9;

/// Pairs between asking for two signatures and comparing them.
const PAIRS_AHEAD: usize = 8;

const NONE: u32 = u32::MAX;
const EMPTY: u64 = u64::MAX;

/// Connects every two rows that share a band and whose signatures agree in at least `least_equal` lanes, and of very many
/// rows that share a band all.
///
/// `alive` are the indices that take part. Rows that are connected already are not compared.
///
/// # Errors
/// [`Cancelled`], if `progress` says so.
pub fn connect_bands(
    signatures: &Signatures,
    alive: &[u32],
    bands: usize,
    least_equal: u32,
    components: &Components,
    progress: &Progress,
) -> Result<(), Cancelled> {
    let similar = |left: u32, right: u32| {
        equal_lanes(signatures.signature(left as usize), signatures.signature(right as usize)) >= least_equal
    };
    let tiles = alive.len().div_ceil(TILE);
    let mut keys = zeroed::<u64>(tiles * TILE * bands.min(BANDS_AT_ONCE));
    for first in (0..bands).step_by(BANDS_AT_ONCE) {
        let count = (bands - first).min(BANDS_AT_ONCE);
        keys.par_chunks_mut(TILE * count).zip(alive.par_chunks(TILE)).for_each(|(tile, alive)| {
            for (at, &index) in alive.iter().enumerate() {
                let keys = signatures.band_keys(index as usize, first..first + count);
                for (keys, key) in tile.chunks_exact_mut(TILE).zip(keys) {
                    keys[at] = key;
                }
            }
        });
        (0..count).into_par_iter().with_max_len(1).try_for_each(|band| {
            let keys = BandKeys { keys: &keys, bands: count, band, rows: alive.len() };
            let mut buffers = BandBuffers::default();
            let starts = buffers.partition(&keys, alive);
            for partition in starts.windows(2) {
                progress.check()?;
                let range = partition[0] as usize..partition[1] as usize;
                buffers.chain(range.clone(), components);
                buffers.connect_chains(range, similar, components);
            }
            buffers.connect_pending(signatures, similar, components);
            Ok(())
        })?;
    }
    Ok(())
}

/// The keys of one band, tile by tile.
struct BandKeys<'a> {
    keys: &'a [u64],
    bands: usize,
    band: usize,
    rows: usize,
}

impl BandKeys<'_> {
    fn tiles(&self) -> impl Iterator<Item = &[u64]> {
        (0..self.rows.div_ceil(TILE)).map(|tile| {
            let start = (tile * self.bands + self.band) * TILE;
            &self.keys[start..start + (self.rows - tile * TILE).min(TILE)]
        })
    }
}

/// What the grouping of one band needs.
#[derive(Default)]
struct BandBuffers {
    entries: Vec<Entry>,
    table: Vec<u64>,
    next: Vec<u32>,
    heads: Vec<u32>,
    group: Vec<u32>,
    pending: Vec<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    index: u32,
}

impl BandBuffers {
    /// Scatters the rows by the top bits of their keys, the next 32 bits becoming the tag. Returns where each
    /// partition begins.
    fn partition(&mut self, keys: &BandKeys<'_>, alive: &[u32]) -> Vec<u32> {
        let partitions = (alive.len() / ROWS_PER_PARTITION).clamp(2, MOST_PARTITIONS).next_power_of_two();
        let bits = partitions.trailing_zeros();
        let place = |key: u64| (key >> (64 - bits)) as usize & (partitions - 1);
        let mut starts = vec![0u32; partitions + 1];
        for &key in keys.tiles().flatten() {
            starts[place(key) + 1] += 1;
        }
        for at in 0..partitions {
            starts[at + 1] += starts[at];
        }
        let mut fill = starts.clone();
        self.entries = vec![Entry { tag: 0, index: 0 }; alive.len()];
        for (keys, alive) in keys.tiles().zip(alive.chunks(TILE)) {
            for (&key, &index) in keys.iter().zip(alive) {
                let at = &mut fill[place(key)];
                self.entries[*at as usize] = Entry { tag: (key >> (32 - bits)) as u32, index };
                *at += 1;
            }
        }
        starts
    }

    /// Links the entries of a partition that have the same tag; `heads` are the last entries of chains of two or more.
    fn chain(&mut self, range: std::ops::Range<usize>, components: &Components) {
        let entries = &self.entries[range];
        let slots = (entries.len() * 2).next_power_of_two().max(2);
        self.table.clear();
        self.table.resize(slots, EMPTY);
        self.next.clear();
        self.heads.clear();
        for (at, entry) in entries.iter().enumerate() {
            let filled = (u64::from(entry.tag) << 32) | at as u64;
            let mut slot = entry.tag as usize & (slots - 1);
            loop {
                let held = self.table[slot];
                if held == EMPTY {
                    self.next.push(NONE);
                    break;
                }
                if (held >> 32) as u32 == entry.tag {
                    let last = held as u32;
                    if self.next[last as usize] == NONE {
                        self.heads.push(slot as u32);
                    }
                    self.next.push(last);
                    components.prefetch(entry.index);
                    components.prefetch(entries[last as usize].index);
                    break;
                }
                slot = (slot + 1) & (slots - 1);
            }
            self.table[slot] = filled;
        }
        for head in &mut self.heads {
            *head = self.table[*head as usize] as u32;
        }
    }

    /// Connects the chains of a partition; pairs whose signatures must be compared are only noted when they are the
    /// whole chain, as most are.
    fn connect_chains(
        &mut self,
        range: std::ops::Range<usize>,
        similar: impl Fn(u32, u32) -> bool,
        components: &Components,
    ) {
        let entries = &self.entries[range];
        for &head in &self.heads {
            let first = entries[head as usize].index;
            let second = self.next[head as usize];
            if second != NONE && self.next[second as usize] == NONE {
                let second = entries[second as usize].index;
                if !components.same(first, second) {
                    self.pending.push((first, second));
                }
                continue;
            }
            self.group.clear();
            let mut at = head;
            while at != NONE {
                self.group.push(entries[at as usize].index);
                at = self.next[at as usize];
            }
            connect_group(&mut self.group, components, &similar);
        }
    }

    /// Compares the noted pairs, the signatures of later ones on their way.
    fn connect_pending(
        &mut self,
        signatures: &Signatures,
        similar: impl Fn(u32, u32) -> bool,
        components: &Components,
    ) {
        for at in 0..self.pending.len() {
            if let Some(&(left, right)) = self.pending.get(at + PAIRS_AHEAD) {
                signatures.prefetch(left as usize);
                signatures.prefetch(right as usize);
            }
            let (left, right) = self.pending[at];
            if !components.same(left, right) && similar(left, right) {
                components.connect(left, right);
            }
        }
        self.pending.clear();
    }
}

/// From this size on a group is connected as it is: finding out who is not similar would take time with the square of it,
/// and a component may hold rows that have nothing to do with each other.
const LARGE_GROUP: usize = 1 << 12;

/// Connects the similar pairs of a group of three or more. Members that are connected with the first need not be
/// compared with each other; every other one is compared with all.
fn connect_group(group: &mut [u32], components: &Components, similar: &impl Fn(u32, u32) -> bool) {
    let first = group[0];
    if group.len() >= LARGE_GROUP {
        for &member in &group[1..] {
            components.connect(first, member);
        }
        return;
    }
    let mut outsiders = 0;
    for at in 1..group.len() {
        let member = group[at];
        if components.same(first, member) {
            continue;
        }
        if similar(first, member) {
            components.connect(first, member);
        } else {
            outsiders += 1;
            group.swap(at, outsiders);
        }
    }
    for outsider in 1..=outsiders {
        for other in outsider + 1..group.len() {
            let (left, right) = (group[outsider], group[other]);
            if !components.same(left, right) && similar(left, right) {
                components.connect(left, right);
            }
        }
    }
}
