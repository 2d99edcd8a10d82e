//! The discounts of modified Kneser-Ney smoothing.

/// What is taken from counts of one, of two, and of three and more (Chen and Goodman 1998, equation 26).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discount(pub [f64; 3]);

/// Discounts for n-grams of which there are too few to estimate them, as `lmplz --discount_fallback` has them.
pub const FALLBACK: Discount = Discount([0.5, 1.0, 1.5]);

impl Discount {
    /// From the numbers of n-grams that have the adjusted count 1, 2, 3 and 4; the second says whether they told it.
    #[must_use]
    pub fn of(counts: [u64; 4]) -> (Self, bool) {
        let n = counts.map(|count| count as f64);
        let y = n[0] / (n[0] + 2.0 * n[1]);
        let discount = [1.0 - 2.0 * y * n[1] / n[0], 2.0 - 3.0 * y * n[2] / n[1], 3.0 - 4.0 * y * n[3] / n[2]];
        let fits = |(place, &value): (usize, &f64)| value > 0.0 && value <= (place + 1) as f64;
        if counts[..3].iter().all(|&count| count > 0) && discount.iter().enumerate().all(fits) {
            (Self(discount), true)
        } else {
            (FALLBACK, false)
        }
    }

    /// What is taken from a count.
    #[inline]
    #[must_use]
    pub fn from(&self, count: u32) -> f64 {
        match count {
            0 => 0.0,
            1..=3 => self.0[count as usize - 1],
            _ => self.0[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discounts_follow_the_counts_of_counts() {
        let (discount, told) = Discount::of([100, 40, 20, 10]);
        let y = 100.0 / 180.0;
        assert!(told);
        assert_eq!(discount, Discount([1.0 - 2.0 * y * 0.4, 2.0 - 3.0 * y * 0.5, 3.0 - 4.0 * y * 0.5]));
        let taken = [discount.from(0), discount.from(2), discount.from(9)];
        assert_eq!(Discount(taken), Discount([0.0, discount.0[1], discount.0[2]]));
    }

    #[test]
    fn too_few_counts_fall_back() {
        for counts in [[0; 4], [5, 0, 1, 1], [5, 3, 0, 1], [1, 1, 100, 1], [u64::MAX, 1, u64::MAX, 1]] {
            assert_eq!(Discount::of(counts), (FALLBACK, false), "{counts:?}");
        }
    }
}
