//! NumPy's expansion of a seed (`numpy.random.SeedSequence`). torch's `DataLoader` seeds NumPy in the same way.

/// Number of words in the pool.
const POOL: usize = 4;

const ENTROPY: Scrambler = Scrambler { constant: 0x43b0_d7e5, factor: 0x931e_8875 };
const STATE: Scrambler = Scrambler { constant: 0x8b51_f9dd, factor: 0x58f3_8ded };

/// A hash whose constant changes with every word.
struct Scrambler {
    constant: u32,
    factor: u32,
}

impl Scrambler {
    fn hash(&mut self, word: u32) -> u32 {
        let word = word ^ self.constant;
        self.constant = self.constant.wrapping_mul(self.factor);
        folded(word.wrapping_mul(self.constant))
    }
}

/// `SeedSequence` of four words of entropy, the lowest first; missing words are zero.
pub(super) struct SeedSequence {
    pool: [u32; POOL],
}

impl SeedSequence {
    pub(super) fn new(entropy: [u32; POOL]) -> Self {
        let mut scrambler = ENTROPY;
        let mut pool = entropy.map(|word| scrambler.hash(word));
        for source in 0..POOL {
            for target in (0..POOL).filter(|target| *target != source) {
                pool[target] = mixed(pool[target], scrambler.hash(pool[source]));
            }
        }
        Self { pool }
    }

    /// `generate_state(WORDS)`.
    pub(super) fn state<const WORDS: usize>(&self) -> [u32; WORDS] {
        let mut scrambler = STATE;
        std::array::from_fn(|i| scrambler.hash(self.pool[i % POOL]))
    }
}

fn mixed(target: u32, source: u32) -> u32 {
    folded(target.wrapping_mul(0xca01_f9dd).wrapping_sub(source.wrapping_mul(0x4973_f715)))
}

fn folded(word: u32) -> u32 {
    word ^ (word >> 16)
}
