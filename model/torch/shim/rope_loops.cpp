// The arithmetic of the rotation: each line rounds as an op of the composition in the reference does. build.rs compiles this file with
// optimisation; rope.cpp only finds the pointers.
#include "rope_loops.h"

#include <bit>

namespace rope {

namespace {

inline float widened(Half x) { return std::bit_cast<float>(static_cast<uint32_t>(x) << 16); }

// To the nearest bfloat16, ties to even, and back.
inline float rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return std::bit_cast<float>(is_nan ? 0x7fc00000u : nearest);
}

inline float load(float x) { return rounded(x); }
inline float load(Half x) { return widened(x); }
// `x` is a bfloat16 already.
inline void store(float &to, float x) { to = x; }
inline void store(Half &to, float x) { to = static_cast<Half>(std::bit_cast<uint32_t>(x) >> 16); }

// x cos + rotate_half(x) sin, where rotate_half(x) = [-x2, x1].
template <typename T> inline void forward_row(const T *__restrict x, T *__restrict out, const Half *__restrict sin,
                                             const Half *__restrict cos, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const int64_t j = i + half;
    const float low = load(x[i]), high = load(x[j]);
    store(out[i], rounded(rounded(low * widened(cos[i])) + rounded(-high * widened(sin[i]))));
    store(out[j], rounded(rounded(high * widened(cos[j])) + rounded(low * widened(sin[j]))));
  }
}

// Its gradient. Autograd pads the gradients of slices with zeros and adds them up, which turns -0 into 0; so does `+ 0.0f`.
template <typename T> inline void backward_row(const T *__restrict grad, T *__restrict out,
                                              const Half *__restrict sin, const Half *__restrict cos, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const int64_t j = i + half;
    const float low = load(grad[i]), high = load(grad[j]);
    store(out[i], rounded(rounded(low * widened(cos[i])) + rounded(high * widened(sin[j]))) + 0.0f);
    store(out[j], rounded(rounded(high * widened(cos[j])) - rounded(low * widened(sin[i]))) + 0.0f);
  }
}

// The matrices `begin` to `end` of batch times heads.
template <typename T, bool Backward> inline void rotate_matrices(const Job<T> &job, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const T *x = job.from + i / job.heads * job.batch_stride + i % job.heads * job.head_stride;
    T *out = job.to + i * job.tokens * job.dim;
    for (int64_t token = 0; token < job.tokens; ++token, x += job.token_stride, out += job.dim) {
      const int64_t patch = token - (job.tokens - job.patches);
      if (patch < 0) {
        // Prefix tokens (CLS and storage) have no position and only pass through bfloat16. Adding -0 changes nothing.
        for (int64_t k = 0; k < job.dim; ++k) {
          store(out[k], load(x[k]) + (Backward ? 0.0f : -0.0f));
        }
        continue;
      }
      const Half *sin = job.sin + patch * job.dim, *cos = job.cos + patch * job.dim;
      if constexpr (Backward) {
        backward_row(x, out, sin, cos, job.dim / 2);
      } else {
        forward_row(x, out, sin, cos, job.dim / 2);
      }
    }
  }
}

} // namespace

// Twice in the program where that pays, the processor's own vectors chosen when it starts. AVX2 without FMA: the bits are the same.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

VECTORISED void run(const Job<float> &job, bool backward, int64_t begin, int64_t end) {
  backward ? rotate_matrices<float, true>(job, begin, end) : rotate_matrices<float, false>(job, begin, end);
}

VECTORISED void run(const Job<Half> &job, bool backward, int64_t begin, int64_t end) {
  backward ? rotate_matrices<Half, true>(job, begin, end) : rotate_matrices<Half, false>(job, begin, end);
}

} // namespace rope
