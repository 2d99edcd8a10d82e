//! The fewest edits that make a text out of some part of another: Sellers' problem, by the furthest-reaching diagonals
//! of Ukkonen (1985) and Landau and Vishkin (1989). O(k²) beside the comparisons, exact up to k edits.

/// Steps after which a search ends without a result: a bound on time for long texts that repeat themselves.
const MOST_STEPS: usize = 1 << 24;

/// A part of a text, and how many characters must be inserted, deleted or substituted to make the pattern of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// First character of the part.
    pub start: usize,
    /// Behind its last.
    pub end: usize,
    /// The edits.
    pub edits: usize,
}

/// Buffers of one thread.
#[derive(Clone, Debug, Default)]
pub struct Aligner {
    last: Vec<Reached>,
    next: Vec<Reached>,
}

/// How far a diagonal is filled, and on which diagonal this began.
#[derive(Clone, Copy, Debug)]
struct Reached {
    row: i64,
    origin: i64,
}

const NOWHERE: Reached = Reached { row: i64::MIN / 2, origin: 0 };

impl Aligner {
    /// The part of `text` nearest to `pattern`, among those that begin at a diagonal (place in the text less place in
    /// the pattern) of `diagonals`; None if that takes more than `most` edits, or more than 16 million steps.
    ///
    /// Of several with as few edits the one that begins first, and of these the longest.
    pub fn align(
        &mut self,
        pattern: &[u32],
        text: &[u32],
        diagonals: std::ops::RangeInclusive<i64>,
        most: usize,
    ) -> Option<Aligned> {
        let (m, n) = (pattern.len() as i64, text.len() as i64);
        let (low, high) = ((*diagonals.start()).max(0), (*diagonals.end()).min(n));
        if low > high {
            return None;
        }
        let margin = most as i64 + 1;
        let width = (high - low + 1 + 2 * margin) as usize;
        for side in [&mut self.last, &mut self.next] {
            side.clear();
            side.resize(width + 2, NOWHERE);
        }
        // Place `at` stands for the diagonal `low - margin + at - 1`; one place on each side is never filled.
        let base = low - margin - 1;
        let mut best: Option<Aligned> = None;
        let mut steps = 0;
        for edits in 0..=most as i64 {
            let (from, to) = (low - edits, high + edits);
            for diagonal in from..=to {
                let at = (diagonal - base) as usize;
                if steps > MOST_STEPS {
                    break;
                }
                let mut reached = if edits == 0 {
                    Reached { row: 0, origin: diagonal }
                } else {
                    let (left, same, right) = (self.last[at - 1], self.last[at], self.last[at + 1]);
                    let substituted = Reached { row: (same.row + 1).min(m), ..same };
                    // To the right in the text: a character of it is left out; from the other side one of the pattern.
                    let deleted = Reached { row: (right.row + 1).min(m), ..right };
                    better(better(substituted, left), deleted)
                };
                if reached.row < 0 || reached.row + diagonal > n || reached.row + diagonal < 0 {
                    // Off the text: a substitution past its end is none.
                    reached = clipped(reached, diagonal, n);
                    if reached.row < 0 {
                        self.next[at] = NOWHERE;
                        continue;
                    }
                }
                let rest = &text[(reached.row + diagonal) as usize..];
                let equal = common(&pattern[reached.row as usize..], rest);
                reached.row += equal as i64;
                steps += 1 + equal;
                self.next[at] = reached;
                if reached.row == m {
                    let found = Aligned {
                        start: reached.origin.max(0) as usize,
                        end: (m + diagonal) as usize,
                        edits: edits as usize,
                    };
                    if best.is_none_or(|best| (found.start, best.end) < (best.start, found.end)) {
                        best = Some(found);
                    }
                }
            }
            if best.is_some() || steps > MOST_STEPS {
                return best;
            }
            std::mem::swap(&mut self.last, &mut self.next);
        }
        None
    }
}

/// The one that reaches further; of equals the one that began first.
fn better(one: Reached, other: Reached) -> Reached {
    if (other.row, -other.origin) > (one.row, -one.origin) { other } else { one }
}

/// A diagonal that ran off the text, back to its last place on it; nowhere if it has none.
fn clipped(reached: Reached, diagonal: i64, n: i64) -> Reached {
    let row = reached.row.min(n - diagonal);
    if row < 0 || row + diagonal < 0 { NOWHERE } else { Reached { row, ..reached } }
}

/// How many characters two texts have in common at their start.
#[must_use]
pub fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fewest edits by the plain table, over parts that begin anywhere.
    fn plain(pattern: &[u32], text: &[u32]) -> usize {
        let mut row: Vec<usize> = vec![0; text.len() + 1];
        for (i, letter) in pattern.iter().enumerate() {
            let mut corner = row[0];
            row[0] = i + 1;
            for (j, other) in text.iter().enumerate() {
                let kept = corner + usize::from(letter != other);
                corner = row[j + 1];
                row[j + 1] = kept.min(corner + 1).min(row[j] + 1);
            }
        }
        row.into_iter().min().unwrap_or(0)
    }

    /// The fewest edits between two whole texts.
    fn whole(one: &[u32], other: &[u32]) -> usize {
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, letter) in one.iter().enumerate() {
            let mut corner = row[0];
            row[0] = i + 1;
            for (j, second) in other.iter().enumerate() {
                let kept = corner + usize::from(letter != second);
                corner = row[j + 1];
                row[j + 1] = kept.min(corner + 1).min(row[j] + 1);
            }
        }
        row[other.len()]
    }

    proptest! {
        #[test]
        fn the_edits_are_those_of_the_plain_table(
            pattern in proptest::collection::vec(0u32..3, 0..14),
            text in proptest::collection::vec(0u32..3, 0..30),
            most in 0usize..8,
        ) {
            let found = Aligner::default().align(&pattern, &text, 0..=text.len() as i64, most);
            let expected = plain(&pattern, &text);
            prop_assert_eq!(found.map(|found| found.edits), (expected <= most).then_some(expected));
            if let Some(found) = found {
                prop_assert!(found.start <= found.end && found.end <= text.len());
                prop_assert_eq!(whole(&pattern, &text[found.start..found.end]), found.edits);
            }
        }
    }

    #[test]
    fn only_the_diagonals_asked_for() {
        let text = [7, 7, 1, 2, 3, 7, 7, 7, 1, 2, 3];
        let mut aligner = Aligner::default();
        let found = |start, end, edits| Some(Aligned { start, end, edits });
        assert_eq!(aligner.align(&[1, 2, 3], &text, 0..=11, 1), found(2, 5, 0));
        assert_eq!(aligner.align(&[1, 2, 3], &text, 7..=9, 1), found(8, 11, 0));
        assert_eq!(aligner.align(&[1, 2, 3], &text, 12..=15, 1), None);
        assert_eq!(aligner.align(&[1, 2, 3], &[], -3..=5, 2), None);
        assert_eq!(aligner.align(&[1, 2, 3], &[], -3..=5, 3), found(0, 0, 3));
    }
}
