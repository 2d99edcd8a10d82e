//! SHA-1 of many short messages at once.

use sha1::{Digest, Sha1};

use crate::dispatch;

/// Messages that are hashed together: one 512-bit vector of words.
const LANES: usize = 16;
/// The longest message of one block: 64 bytes less the end mark and the length.
const ONE_BLOCK: usize = 55;

type Block = [[u32; LANES]; 16];

/// The first eight bytes of the SHA-1 of a row's shingles, as two little-endian numbers each.
#[derive(Default)]
pub struct Hashes {
    /// The first four bytes of each.
    pub first: Vec<u32>,
    second: Vec<u32>,
    mixed32: Vec<u32>,
    mixed64: Vec<u64>,
    block: Block,
    waiting: usize,
}

impl Hashes {
    /// Forgets the row before.
    pub fn clear(&mut self) {
        self.first.clear();
        self.second.clear();
    }

    /// Adds a shingle. Those of one block wait for others, so the order is not that of the calls.
    pub fn add(&mut self, message: &[u8]) {
        if message.len() > ONE_BLOCK {
            let digest = Sha1::digest(message);
            self.first.push(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]));
            self.second.push(u32::from_le_bytes([digest[4], digest[5], digest[6], digest[7]]));
            return;
        }
        let mut bytes = [0; 64];
        bytes[..message.len()].copy_from_slice(message);
        bytes[message.len()] = 0x80;
        let words = bytes.as_chunks::<4>().0;
        for (lanes, &word) in self.block.iter_mut().zip(words) {
            lanes[self.waiting] = u32::from_be_bytes(word);
        }
        self.block[15][self.waiting] = 8 * message.len() as u32;
        self.waiting += 1;
        if self.waiting == LANES {
            self.flush();
        }
    }

    /// Hashes what waits.
    pub fn flush(&mut self) {
        if self.waiting > 0 {
            let mut digest = [[0; LANES]; 2];
            sha1_of_blocks(&mut self.block, &mut digest);
            self.first.extend_from_slice(&digest[0][..self.waiting]);
            self.second.extend_from_slice(&digest[1][..self.waiting]);
            self.waiting = 0;
        }
    }

    /// 32 bits of each, mixed.
    pub fn mixed32(&mut self) -> &[u32] {
        self.mixed32.clear();
        self.mixed32.extend(self.first.iter().map(|&hash| murmur32(hash)));
        &self.mixed32
    }

    /// 64 bits of each, mixed.
    pub fn mixed64(&mut self) -> &[u64] {
        let joined = self.first.iter().zip(&self.second).map(|(&low, &high)| u64::from(high) << 32 | u64::from(low));
        self.mixed64.clear();
        self.mixed64.extend(joined.map(murmur64));
        &self.mixed64
    }
}

dispatch! {
    /// SHA-1 (FIPS 180-4) of one-block messages, one in each lane: the first two words, their bytes swapped. Uses up the block.
    fn sha1_of_blocks(block: &mut Block, digest: &mut [[u32; LANES]; 2]) = sha1_of_blocks_body
}

#[inline(always)]
fn sha1_of_blocks_body(block: &mut Block, digest: &mut [[u32; LANES]; 2]) {
    const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut state = START.map(|word| [word; LANES]);
    for round in 0..20 {
        step(&mut state, block, round, 0x5a82_7999, |b, c, d| d ^ (b & (c ^ d)));
    }
    for round in 20..40 {
        step(&mut state, block, round, 0x6ed9_eba1, |b, c, d| b ^ c ^ d);
    }
    for round in 40..60 {
        step(&mut state, block, round, 0x8f1b_bcdc, |b, c, d| (b & c) | (d & (b | c)));
    }
    for round in 60..80 {
        step(&mut state, block, round, 0xca62_c1d6, |b, c, d| b ^ c ^ d);
    }
    for (digest, (state, start)) in digest.iter_mut().zip(state.iter().zip(START)) {
        for lane in 0..LANES {
            digest[lane] = state[lane].wrapping_add(start).swap_bytes();
        }
    }
}

#[inline(always)]
fn step(
    state: &mut [[u32; LANES]; 5],
    block: &mut Block,
    round: usize,
    constant: u32,
    choose: impl Fn(u32, u32, u32) -> u32,
) {
    let place = round % 16;
    if round >= 16 {
        let others = [(round + 13) % 16, (round + 8) % 16, (round + 2) % 16].map(|other| block[other]);
        for lane in 0..LANES {
            block[place][lane] =
                (block[place][lane] ^ others[0][lane] ^ others[1][lane] ^ others[2][lane]).rotate_left(1);
        }
    }
    let [a, b, c, d, e] = *state;
    let mut next = [0; LANES];
    let mut rotated = [0; LANES];
    for lane in 0..LANES {
        next[lane] = a[lane]
            .rotate_left(5)
            .wrapping_add(choose(b[lane], c[lane], d[lane]))
            .wrapping_add(e[lane])
            .wrapping_add(constant)
            .wrapping_add(block[place][lane]);
        rotated[lane] = b[lane].rotate_left(30);
    }
    *state = [next, a, rotated, c, d];
}

/// `MurmurHash3`'s finaliser.
#[inline(always)]
pub fn murmur32(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// `MurmurHash3`'s finaliser of the wider kind.
#[inline(always)]
pub fn murmur64(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
