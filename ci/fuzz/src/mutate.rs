//! Changes of an input.

/// A small generator of numbers (SplitMix64), so that a seed gives a round again.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }
}

/// Numbers at the ends of what readers hold them in, as bytes in both orders.
const ODD: [i64; 14] =
    [0, 1, -1, 127, 128, 255, 32_767, 65_535, 65_536, 1 << 31, (1 << 31) - 1, i64::MAX, i64::MIN, 1 << 53];

/// The same as texts.
const WORDS: [&str; 16] = [
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "9223372036854775807",
    "null",
    "true",
    "???",
    "${a.b}",
    "\u{2028}",
    "&x ",
    "*x",
    "!!int ",
    "[",
    "{",
    "- ",
];

/// One input made of `input` and, for a splice, of `other`. It is no longer than `most` bytes.
pub fn mutate(random: &mut Random, input: &[u8], other: &[u8], most: usize) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..1 + random.below(4) {
        change(random, &mut bytes, other);
    }
    bytes.truncate(most);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() + 1);
    let within = random.below(bytes.len());
    match random.below(9) {
        0 if !bytes.is_empty() => bytes[within] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[within] = random.below(256) as u8,
        2 => {
            let number = ODD[random.below(ODD.len())];
            let width = 1 << random.below(4);
            let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
            let number = if random.below(2) == 0 { &little[..width] } else { &big[8 - width..] };
            overwrite(bytes, at, number);
        }
        3 => {
            let end = (at + random.below(64)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let end = (within + random.below(64)).min(bytes.len());
            let part = bytes[within..end].to_vec();
            bytes.splice(at..at, part);
        }
        5 => bytes.truncate(at),
        6 => {
            let from = random.below(other.len());
            let part = &other[from..(from + random.below(256)).min(other.len())];
            overwrite(bytes, at, part);
        }
        7 => {
            let word = WORDS[random.below(WORDS.len())];
            bytes.splice(at..at, word.bytes());
        }
        _ => {
            let end = (at + random.below(512)).min(bytes.len());
            let byte = random.below(256) as u8;
            bytes[at..end].fill(byte);
        }
    }
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let end = (at + part.len()).min(bytes.len());
    bytes.splice(at..end, part.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        let all = |seed| {
            let mut random = Random(seed);
            (0..100).map(|_| mutate(&mut random, b"some input", b"another", 64)).collect::<Vec<_>>()
        };
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
        assert!(all(7).iter().all(|input| input.len() <= 64));
    }

    #[test]
    fn nothing_can_be_changed_too() {
        let mut random = Random(1);
        for _ in 0..1000 {
            mutate(&mut random, b"", b"", 16);
        }
    }
}
