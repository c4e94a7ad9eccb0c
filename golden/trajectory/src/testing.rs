//! Seeded noise for tests.

use rand_mt::Mt;

/// A source of noise.
pub(crate) struct Noise(Mt);

impl Noise {
    pub(crate) fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 2.0_f64.powi(32)
    }

    /// A normal deviate (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Values of variance 1, each `memory` times the one before plus noise.
    pub(crate) fn autoregression(&mut self, count: usize, memory: f64) -> Vec<f64> {
        let mut value = self.normal();
        let fresh = (1.0 - memory * memory).sqrt();
        let mut next = || {
            value = memory * value + fresh * self.normal();
            value
        };
        (0..count).map(|_| next()).collect()
    }
}
