//! The Mersenne Twister, with a state that can be written down.

use std::vec;

use rand_mt::Mt;

/// Words of an MT19937's state.
pub(crate) const WORDS: usize = 624;

/// [`Mt`], which shows no state: here the state is the next 624 words, from which all later ones follow.
#[derive(Clone, Debug)]
pub(crate) struct Twister {
    /// What comes after `ahead`.
    words: Mt,
    /// The next words of a generator that was put into a state.
    ahead: vec::IntoIter<u32>,
}

impl Twister {
    pub(crate) fn new(words: Mt) -> Self {
        Self { words, ahead: Vec::new().into_iter() }
    }

    /// The next 32 bits.
    pub(crate) fn next_u32(&mut self) -> u32 {
        self.ahead.next().unwrap_or_else(|| self.words.next_u32())
    }

    /// The next 64 bits: the first word is the high half.
    pub(crate) fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// The next 624 words, which are left to be drawn.
    pub(crate) fn state(&self) -> [u32; WORDS] {
        let mut own = self.clone();
        std::array::from_fn(|_| own.next_u32())
    }

    /// The generator whose next words are these.
    pub(crate) fn from_state(state: &[u32; WORDS]) -> Self {
        let words = Mt::recover(*state).expect("as many words as the state of the Twister has");
        Self { words, ahead: Vec::from(*state).into_iter() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen red: without `ahead` the generator begins 624 words too late.
    #[test]
    fn a_state_goes_on_with_the_same_words_wherever_it_was_taken() {
        for drawn in [0, 1, 623, 624, 625, 2000] {
            let mut one = Twister::new(Mt::new(7));
            (0..drawn).for_each(|_| {
                one.next_u32();
            });
            let mut other = Twister::from_state(&one.state());
            // A state taken amid the words ahead, too.
            let mut third = other.clone();
            let skipped: Vec<u32> = (0..100).map(|_| third.next_u32()).collect();
            let mut third = Twister::from_state(&third.state());
            let next: Vec<u32> = (0..2000).map(|_| one.next_u32()).collect();
            assert_eq!((0..2000).map(|_| other.next_u32()).collect::<Vec<_>>(), next, "after {drawn} words");
            assert_eq!(skipped, next[..100]);
            assert_eq!((0..1900).map(|_| third.next_u32()).collect::<Vec<_>>(), next[100..], "after {drawn} words");
        }
    }

    #[test]
    fn words_of_64_bits_are_those_of_the_crate() {
        let (mut ours, mut theirs) = (Twister::new(Mt::new(1)), Mt::new(1));
        assert_eq!([ours.next_u64(), ours.next_u64()], [theirs.next_u64(), theirs.next_u64()]);
    }
}
