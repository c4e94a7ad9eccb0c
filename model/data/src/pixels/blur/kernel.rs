//! The weights of the Gaussian, with the bits of torch's.

/// Number of taps along a side of the kernel.
pub const TAPS: usize = 9;
/// Number of taps on each side of the middle tap.
pub const RADIUS: usize = TAPS / 2;

/// The vector instructions of torch. The kernel is a softmax, and torch's softmax adds in a different order for each
/// instruction set. A few weights therefore differ in the last bit, and about one blurred byte in a few hundred
/// thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TorchVectors {
    /// `ATEN_CPU_CAPABILITY=avx2`.
    Avx2,
    /// `ATEN_CPU_CAPABILITY=avx512`.
    Avx512,
}

/// The positions of the 9 taps: evenly from -2√2 to 2√2, with the rounding of `torch.linspace`.
#[expect(clippy::approx_constant, reason = "torch rounds them so")]
const POSITIONS: [f32; TAPS] =
    [-2.828427, -2.1213202, -1.4142135, -0.70710677, 0.0, 0.70710677, 1.4142135, 2.1213202, 2.828427];

/// The kernel along one axis: the softmax of -(x / sigma)², in float32. `_get_gaussian_kernel1d`.
pub fn line(sigma: f64, vectors: TorchVectors) -> [f32; TAPS] {
    // The middle tap has the largest exponent, 0, so softmax's subtraction of the maximum changes nothing.
    let weights = POSITIONS.map(|x| {
        let ratio = x / sigma as f32;
        exp(-(ratio * ratio))
    });
    let scale = 1.0 / sum(&weights, vectors);
    weights.map(|weight| weight * scale)
}

/// The sum of the weights, in torch's order of additions.
fn sum(weights: &[f32; TAPS], vectors: TorchVectors) -> f32 {
    match vectors {
        // Nine weights do not fill sixteen lanes and are added one after another.
        TorchVectors::Avx512 => weights[1..].iter().fold(weights[0], |sum, weight| sum + weight),
        // Eight lanes, the ninth weight added to the first of them, then halves onto halves.
        TorchVectors::Avx2 => {
            let w = weights;
            let lanes = [(w[0] + w[8]) + w[4], w[1] + w[5], w[2] + w[6], w[3] + w[7]];
            (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        }
    }
}

/// e^x for x of at most 0, with the roundings of SLEEF's 1-ULP `expf`, which torch calls.
fn exp(x: f32) -> f32 {
    // ln 2 in two parts, of which the first has zeros at its end.
    const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
    // A polynomial for (e^r - 1 - r) / r², highest power first.
    const POLYNOMIAL: [f32; 6] = [0.000_198_527_62, 0.001_393_043_6, 0.008_333_361, 0.041_666_485, 0.166_666_67, 0.5];
    if x < -104.0 {
        return 0.0;
    }
    let power = (x * std::f32::consts::LOG2_E).round_ties_even();
    let rest = power.mul_add(-LN_2[1], power.mul_add(-LN_2[0], x));
    let series = POLYNOMIAL.iter().fold(0.0_f32, |sum, coefficient| sum.mul_add(rest, *coefficient));
    let mantissa = 1.0 + (rest * rest).mul_add(series, rest);
    // In float64, where no power of two in question is subnormal: one rounding, at the end.
    (f64::from(mantissa) * 2.0_f64.powi(power as i32)) as f32
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Recorded from torch 2.8.0: `_get_gaussian_kernel1d` at 10000 sigmas from 0.1 to 2.
    #[test]
    fn weights_are_torch_s_to_the_last_bit() {
        let check = |vectors, expected: [u8; 8]| {
            let mut hash = Sha256::new();
            for step in 0..10000 {
                let sigma = 0.1_f32 + 1.9_f32 * step as f32 / 10000.0;
                for weight in line(f64::from(sigma), vectors) {
                    hash.update(weight.to_le_bytes());
                }
            }
            assert_eq!(hash.finalize()[..8], expected, "{vectors:?}");
        };
        check(TorchVectors::Avx2, 0x19bff470ce7f1e9d_u64.to_be_bytes());
        check(TorchVectors::Avx512, 0xbd7a1d4a091983d9_u64.to_be_bytes());
        let weights = [935264126, 987798615, 1025094950, 1047844696, 1055061038].map(f32::from_bits);
        let [a, b, c, d, e] = weights;
        assert_eq!(line(0.9, TorchVectors::Avx512), [a, b, c, d, e, d, c, b, a]);
    }
}
