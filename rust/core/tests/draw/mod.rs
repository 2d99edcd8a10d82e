//! Numbers for tests; the unit tests of the crate use this file too.

/// Numbers that look drawn by chance, from a seed.
pub struct Draw(pub u64);

impl Draw {
    /// SplitMix64 of Steele, Lea and Flood (2014).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// About normal, with mean 0.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).sum()
    }
}
