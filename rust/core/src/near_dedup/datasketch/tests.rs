#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use proptest::prelude::*;
use sha1::{Digest, Sha1};

use super::hashes::{murmur32, murmur64};
use super::*;
use crate::batch::{Batch, Role};

fn signer(scheme: Scheme, permutations: usize) -> Signer {
    let mask = if scheme == Scheme::Affine32 { u64::from(u32::MAX) } else { MERSENNE_PRIME };
    let draw = |salt: u64| {
        (0..permutations as u64).map(|number| (crate::near_dedup::shingle::mix(number ^ salt) | 1) & mask).collect()
    };
    Signer::new(scheme, draw(1 << 40), draw(2 << 40), ShingleSize { characters: 5, words: 3 }).unwrap()
}

fn batch(texts: &[String]) -> Batch {
    let mut batch = Batch::default();
    for text in texts {
        batch.text_values.extend_from_slice(text.as_bytes());
        batch.text_offsets.push(batch.text_values.len() as i32);
        batch.roles.push(Role::Text as i8);
        batch.turn_offsets.push(batch.roles.len() as i32);
    }
    batch
}

fn shingles(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    if characters.iter().any(|&c| is_east_asian(c.into())) {
        if characters.len() >= 5 {
            return characters.windows(5).map(|shingle| shingle.iter().collect()).collect();
        }
    } else if words.len() >= 3 {
        return words.windows(3).map(|shingle| shingle.join(" ")).collect();
    }
    vec![text.to_owned()]
}

/// One value after the other, in 128 bits, with the SHA-1 of the crate.
fn slowly(signer: &Signer, text: &str) -> Vec<u64> {
    let digests: Vec<_> = shingles(text).iter().map(|shingle| Sha1::digest(shingle.as_bytes())).collect();
    (0..signer.factors.len())
        .map(|number| {
            let (a, b) = (u128::from(signer.factors[number]), u128::from(signer.terms[number]));
            let value = |digest: &[u8]| {
                let h64 = u64::from_le_bytes(digest[..8].try_into().unwrap());
                let h32 = h64 as u32;
                match signer.scheme {
                    Scheme::Affine32 => (u128::from(murmur32(h32)) * a + b) as u64 & 0xffff_ffff,
                    Scheme::Affine64 => (u128::from(murmur64(h64)) * a + b) as u64,
                    Scheme::Legacy => ((u128::from(h32) * a + b) as u64 % MERSENNE_PRIME) & 0xffff_ffff,
                }
            };
            digests.iter().map(|digest| value(digest)).min().unwrap()
        })
        .collect()
}

proptest! {
    #[test]
    fn signatures_are_those_of_one_value_after_the_other(
        texts in prop::collection::vec("[甲乙丙 ]{0,60}|\\PC{0,30}|([a-z]{1,40} ){0,9}", 0..8),
        permutations in 1usize..70,
        scheme in prop_oneof![Just(Scheme::Affine32), Just(Scheme::Affine64), Just(Scheme::Legacy)],
    ) {
        let signer = signer(scheme, permutations);
        let expected: Vec<u64> = texts.iter().chain(&texts).flat_map(|text| slowly(&signer, text)).collect();
        let values = signer.sign(&[batch(&texts).view(); 2], &Progress::default()).unwrap();
        let values = match values {
            Values::Narrow(values) => values.into_iter().map(u64::from).collect(),
            Values::Wide(values) => values,
        };
        prop_assert_eq!(values, expected);
    }

    #[test]
    fn lanes_hash_as_the_crate_does(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..40)) {
        let mut hashes = Hashes::default();
        for message in &messages {
            hashes.add(message);
        }
        hashes.flush();
        let mut found: Vec<u32> = hashes.first.clone();
        let mut expected: Vec<u32> =
            messages.iter().map(|message| u32::from_le_bytes(Sha1::digest(message)[..4].try_into().unwrap())).collect();
        // Long messages do not wait for the others.
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn settings_are_checked() {
    let size = ShingleSize { characters: 5, words: 3 };
    assert!(Signer::new(Scheme::Affine32, vec![], vec![], size).is_err());
    assert!(Signer::new(Scheme::Affine32, vec![1], vec![1, 2], size).is_err());
    assert!(Signer::new(Scheme::Affine32, vec![1 << 32], vec![1], size).is_err());
    assert!(Signer::new(Scheme::Legacy, vec![1], vec![1], ShingleSize { characters: 0, ..size }).is_err());
    assert!(Signer::new(Scheme::Legacy, vec![1], vec![1], ShingleSize { words: 65, ..size }).is_err());
}
