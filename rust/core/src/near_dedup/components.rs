//! Connected components of an undirected graph whose edges arrive from many threads.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A forest over `0..len` (Tarjan's union-find with path halving) that threads may change together.
///
/// A root is the smallest member of its component, so the final forest does not depend on the order of the edges.
pub struct Components {
    parents: Vec<AtomicU32>,
}

impl Components {
    /// Every node alone.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { parents: (0..len as u32).map(AtomicU32::new).collect() }
    }

    /// Asks the processor for a node whose component is wanted soon.
    #[inline]
    pub fn prefetch(&self, node: u32) {
        crate::memory::prefetch(self.parents[node as usize].as_ptr().cast());
    }

    /// The smallest member that is known of the node's component.
    #[must_use]
    pub fn root(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parents[node as usize].load(Relaxed);
            if parent == node {
                return node;
            }
            let grandparent = self.parents[parent as usize].load(Relaxed);
            if grandparent != parent {
                // Losing this race only leaves a longer path.
                let _ = self.parents[node as usize].compare_exchange_weak(parent, grandparent, Relaxed, Relaxed);
            }
            node = parent;
        }
    }

    /// Whether two nodes are known to be connected.
    #[must_use]
    pub fn same(&self, left: u32, right: u32) -> bool {
        self.root(left) == self.root(right)
    }

    /// Connects two nodes.
    pub fn connect(&self, left: u32, right: u32) {
        let (mut left, mut right) = (self.root(left), self.root(right));
        while left != right {
            let (low, high) = (left.min(right), left.max(right));
            // Only a root may be hung onto a smaller one; if another thread was first, look again.
            if self.parents[high as usize].compare_exchange(high, low, Relaxed, Relaxed).is_ok() {
                return;
            }
            (left, right) = (self.root(low), self.root(high));
        }
    }

    /// The components of two or more members: members by component, ascending, and where each component begins.
    #[must_use]
    pub fn groups(&self) -> (Vec<u32>, Vec<u32>) {
        let len = self.parents.len();
        let roots: Vec<u32> = (0..len as u32).map(|node| self.root(node)).collect();
        let mut sizes = vec![0u32; len];
        for &root in &roots {
            sizes[root as usize] += 1;
        }
        let (mut starts, mut total) = (vec![0u32], 0);
        let mut next = sizes;
        for size in &mut next {
            if *size >= 2 {
                let start = total;
                total += *size;
                starts.push(total);
                *size = start;
            } else {
                *size = u32::MAX;
            }
        }
        let mut members = vec![0u32; total as usize];
        for (node, &root) in roots.iter().enumerate() {
            let at = &mut next[root as usize];
            if *at != u32::MAX {
                members[*at as usize] = node as u32;
                *at += 1;
            }
        }
        (members, starts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rayon::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_are_the_components(edges in proptest::collection::vec((0u32..60, 0u32..60), 0..80)) {
            let components = Components::new(60);
            edges.par_iter().for_each(|&(left, right)| components.connect(left, right));
            let mut label: Vec<u32> = (0..60).collect();
            for _ in 0..60 {
                for &(left, right) in &edges {
                    let low = label[left as usize].min(label[right as usize]);
                    label[left as usize] = low;
                    label[right as usize] = low;
                }
            }
            let expected: Vec<Vec<u32>> = (0..60)
                .map(|root| (0..60).filter(|&node| label[node as usize] == root).collect::<Vec<_>>())
                .filter(|group| group.len() >= 2)
                .collect();
            let (members, starts) = components.groups();
            let found: Vec<Vec<u32>> =
                starts.windows(2).map(|range| members[range[0] as usize..range[1] as usize].to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
