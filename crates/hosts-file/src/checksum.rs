//! A checksum that is as fast as memory.

/// Numbers without a pattern, all odd: digits of π.
const KEYS: [u64; LANES] = [
    0x2436_a885_a308_d313,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
    0x082e_fa98_ec4e_6c89,
];
/// Words that are worked on side by side.
const LANES: usize = 4;
const WORD: usize = size_of::<u64>();

/// A checksum of some bytes. It tells of accidents: that two texts have the same is as likely as that
/// two random numbers are. It is no help against somebody who looks for two that have.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let mut lanes = KEYS;
    let (blocks, rest) = bytes.as_chunks::<{ LANES * WORD }>();
    for block in blocks {
        mix(&mut lanes, block);
    }
    let mut last = [0; LANES * WORD];
    last[..rest.len()].copy_from_slice(rest);
    mix(&mut lanes, &last);
    let length = bytes.len() as u64;
    lanes
        .iter()
        .fold(length, |sum, lane| fold(sum ^ lane, KEYS[0]).rotate_left(1))
}

fn mix(lanes: &mut [u64; LANES], block: &[u8; LANES * WORD]) {
    let (words, _) = block.as_chunks::<WORD>();
    for ((lane, word), key) in lanes.iter_mut().zip(words).zip(KEYS) {
        *lane = fold(*lane ^ u64::from_le_bytes(*word), key) ^ lane.rotate_left(23);
    }
}

/// Both halves of a product, each bit of which depends on many.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn any_change_of_one_byte_and_any_other_length_shows() {
        let text: Vec<u8> = (0..300u32).map(|at| (at * 7) as u8).collect();
        let mut seen = HashSet::new();
        for length in 0..text.len() {
            assert!(seen.insert(checksum(&text[..length])), "{length}");
        }
        for at in 0..text.len() {
            for change in 1..=u8::MAX {
                let mut other = text.clone();
                other[at] ^= change;
                assert!(seen.insert(checksum(&other)), "{at} {change}");
            }
        }
    }

    #[test]
    fn words_that_change_places_show() {
        let slot = |number: usize| format!("{:63}\n", format!("10.0.0.{number} n{number}"));
        let text: Vec<String> = (0..64).map(slot).collect();
        let sum = |text: &[String]| checksum(text.concat().as_bytes());
        let mut seen = HashSet::from([sum(&text)]);
        for one in 0..text.len() {
            for other in 0..one {
                let mut swapped = text.clone();
                swapped.swap(one, other);
                assert!(seen.insert(sum(&swapped)), "{one} {other}");
            }
        }
    }

    #[test]
    fn blanks_at_the_end_are_not_nothing() {
        for length in 0..100 {
            assert_ne!(checksum(&vec![0; length]), checksum(&vec![0; length + 1]));
        }
    }
}
