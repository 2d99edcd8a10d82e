//! Numbers for keys, in the order in which they come: an open-addressing table that is reused without being cleared.

/// Gives equal keys equal numbers, from 0.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    slots: Vec<Slot>,
    generation: u32,
    mask: usize,
    len: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    generation: u32,
    class: u32,
}

impl Classes {
    /// Forgets all keys, and makes room for this many.
    pub fn reset(&mut self, keys: usize) {
        let size = (keys * 2).next_power_of_two().max(16);
        if self.slots.len() < size {
            self.slots.clear();
            self.slots.resize(size, Slot::default());
            self.generation = 0;
        }
        self.mask = size - 1;
        self.len = 0;
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            // Old slots could pass for new ones.
            self.slots.fill(Slot::default());
            self.generation = 1;
        }
    }

    /// Number of different keys so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The number of a key. There must not come more keys than [`Self::reset`] made room for.
    #[inline]
    pub fn class(&mut self, key: u64) -> u32 {
        let mut hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
        let mut at = hash as usize & self.mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.generation != self.generation {
                *slot = Slot { key, generation: self.generation, class: self.len };
                self.len += 1;
                return slot.class;
            }
            if slot.key == key {
                return slot.class;
            }
            at = (at + 1) & self.mask;
        }
    }
}
