//! Numbers grouped by a 64-bit key.

/// The groups of two or more numbers with equal keys.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    members: Vec<u32>,
    starts: Vec<u32>,
}

const PARTITIONS: usize = 1 << 10;

impl Groups {
    /// Groups `numbers` by `keys`, which has the same length and is spread over all 64 bits.
    #[must_use]
    pub fn of(keys: &[u64], numbers: &[u32]) -> Self {
        let place = |key: u64| (key >> 54) as usize;
        let mut starts = vec![0usize; PARTITIONS + 1];
        for &key in keys {
            starts[place(key) + 1] += 1;
        }
        for at in 0..PARTITIONS {
            starts[at + 1] += starts[at];
        }
        let mut fill = starts.clone();
        let mut entries = vec![(0u64, 0u32); keys.len()];
        for (&key, &number) in keys.iter().zip(numbers) {
            let at = &mut fill[place(key)];
            entries[*at] = (key, number);
            *at += 1;
        }
        let mut groups = Self { members: Vec::new(), starts: vec![0] };
        for partition in starts.windows(2) {
            let entries = &mut entries[partition[0]..partition[1]];
            entries.sort_unstable();
            for group in entries.chunk_by(|left, right| left.0 == right.0).filter(|group| group.len() >= 2) {
                groups.members.extend(group.iter().map(|&(_, number)| number));
                groups.starts.push(groups.members.len() as u32);
            }
        }
        groups
    }

    /// Number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members of a group.
    #[must_use]
    pub fn members(&self, group: usize) -> &[u32] {
        &self.members[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}
