//! Statistics and hash of a tensor. A set records both for every tensor, however large.

use dinov3_ground::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::tensor::TensorView;

/// Statistics over the finite elements, in float64. BOOL counts as 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    /// Number of NaN and infinite elements.
    pub non_finite: u64,
    /// Smallest finite element; `None` if no element is finite.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub min: Option<f64>,
    /// Largest finite element; `None` if no element is finite.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub max: Option<f64>,
    /// Arithmetic mean; `None` if no element is finite, or the sum is not.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub mean: Option<f64>,
    /// Square root of the sum of squares; `None` if no element is finite, or the sum is not.
    #[serde(deserialize_with = "crate::manifest::required")]
    pub l2: Option<f64>,
}

/// Statistics and hash of a whole tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// Statistics.
    pub stats: Stats,
    /// Hash of the contiguous little-endian bytes, in hex.
    pub sha256: String,
    /// CRC-32 of the same bytes, eight hexadecimal digits.
    pub crc32: String,
}

/// Statistics and hash of `view`, streaming.
pub fn digest(view: TensorView<'_>) -> Digest {
    Digest { stats: stats(view), sha256: sha256_hex(view.bytes()), crc32: crc32_hex(view.bytes()) }
}

/// SHA-256 of `bytes` in lower-case hex. Uses the processor's SHA instructions if it has them.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// CRC-32 of `bytes`, as zlib computes it, in eight lower-case hexadecimal digits.
pub fn crc32_hex(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// Statistics of `view`, streaming. The order of summation is fixed, so the result depends only on the elements.
pub fn stats(view: TensorView<'_>) -> Stats {
    let mut sums = Sums::default();
    view.for_each_chunk(|chunk| sums.add(chunk));
    sums.finish(view.numel() as u64)
}

const LANES: usize = 8;

struct Sums {
    non_finite: u64,
    min: [f64; LANES],
    max: [f64; LANES],
    sum: [f64; LANES],
    squares: [f64; LANES],
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            non_finite: 0,
            min: [f64::INFINITY; LANES],
            max: [f64::NEG_INFINITY; LANES],
            sum: [0.0; LANES],
            squares: [0.0; LANES],
        }
    }
}

impl Sums {
    fn add(&mut self, chunk: &[f64]) {
        if all_finite(chunk) {
            self.add_finite(chunk);
        } else {
            let mut finite = [0.0; crate::tensor::CHUNK];
            let mut kept = 0;
            for &value in chunk.iter().filter(|value| value.is_finite()) {
                finite[kept] = value;
                kept += 1;
            }
            self.non_finite += (chunk.len() - kept) as u64;
            self.add_finite(&finite[..kept]);
        }
    }

    fn add_finite(&mut self, chunk: &[f64]) {
        let (blocks, rest) = chunk.as_chunks::<LANES>();
        for block in blocks {
            for (lane, &value) in block.iter().enumerate() {
                self.add_one(lane, value);
            }
        }
        for (lane, &value) in rest.iter().enumerate() {
            self.add_one(lane, value);
        }
    }

    #[inline(always)]
    fn add_one(&mut self, lane: usize, value: f64) {
        // Comparisons rather than f64::min: nothing here is NaN, and this is one instruction.
        self.min[lane] = if value < self.min[lane] { value } else { self.min[lane] };
        self.max[lane] = if value > self.max[lane] { value } else { self.max[lane] };
        self.sum[lane] += value;
        self.squares[lane] += value * value;
    }

    fn finish(self, numel: u64) -> Stats {
        let finite = numel - self.non_finite;
        let known = |value: f64| (finite > 0 && value.is_finite()).then_some(value);
        Stats {
            non_finite: self.non_finite,
            min: known(self.min.into_iter().fold(f64::INFINITY, f64::min)),
            max: known(self.max.into_iter().fold(f64::NEG_INFINITY, f64::max)),
            mean: known(self.sum.iter().sum::<f64>() / finite as f64),
            l2: known(self.squares.iter().sum::<f64>().sqrt()),
        }
    }
}

/// Whether no element is NaN or infinite: zero times such an element is NaN, and NaN stays in a sum.
#[inline(always)]
pub(crate) fn all_finite(chunk: &[f64]) -> bool {
    let mut poison = [0.0; LANES];
    let (blocks, rest) = chunk.as_chunks::<LANES>();
    for block in blocks {
        for (poison, &value) in poison.iter_mut().zip(block) {
            *poison += value * 0.0;
        }
    }
    for (poison, &value) in poison.iter_mut().zip(rest) {
        *poison += value * 0.0;
    }
    poison.iter().sum::<f64>() == 0.0
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::*;
    use crate::names::Dtype;
    use crate::testing::bytes_f32;

    fn stats_of(values: &[f32]) -> Stats {
        let shape = [values.len()];
        let bytes = bytes_f32(values);
        stats(TensorView::new(Dtype::F32, &shape, &bytes).unwrap())
    }

    #[test]
    fn nothing_finite_has_no_statistics() {
        let none = Stats { non_finite: 0, min: None, max: None, mean: None, l2: None };
        assert_eq!(stats_of(&[]), none);
        assert_eq!(stats_of(&[f32::NAN, f32::INFINITY]), Stats { non_finite: 2, ..none });
    }

    #[test]
    fn only_finite_elements_count() {
        let stats = stats_of(&[f32::NAN, 3.0, f32::NEG_INFINITY, -4.0]);
        assert_eq!(stats, Stats { non_finite: 2, min: Some(-4.0), max: Some(3.0), mean: Some(-0.5), l2: Some(5.0) });
    }

    #[test]
    fn hash_is_of_the_bytes() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(crc32_hex(b"123456789"), "cbf43926");
        assert_eq!(crc32_hex(b""), "00000000");
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_sums(values in prop::collection::vec(any::<f32>(), 0..1500)) {
            let stats = stats_of(&values);
            let finite: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
            prop_assert_eq!(stats.non_finite as usize, values.len() - finite.len());
            if finite.is_empty() {
                prop_assert_eq!(stats.l2, None);
            } else {
                prop_assert_eq!(stats.min, finite.iter().copied().reduce(f64::min));
                prop_assert_eq!(stats.max, finite.iter().copied().reduce(f64::max));
                let l2 = finite.iter().map(|v| v * v).sum::<f64>().sqrt();
                assert_relative_eq!(stats.l2.unwrap(), l2, max_relative = 1e-12);
                let mean = finite.iter().sum::<f64>() / finite.len() as f64;
                assert_relative_eq!(stats.mean.unwrap(), mean, epsilon = 1e-12 * l2, max_relative = 1e-12);
            }
        }
    }
}
