// The rotation of queries and keys on a CPU, in one pass where the reference's composition of ops takes eleven, with its bits.
//
// Each op of that composition rounds to bfloat16, and so does each line here; what one op adds to another's zeros is exact.
#include "guard.h"
#include "shim.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace {

// bfloat16 is the upper half of float32. The compiler turns loops over these into vector code, which it does not with c10's own
// type; what they give is the same, NaN included.
using Half = uint16_t;

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

// Queries or keys `[B, heads, tokens, dim]` and the tables of the last tokens, `[patches, dim]`.
template <typename T> struct Job {
  const T *from;
  T *to;
  const Half *sin, *cos;
  int64_t heads, tokens, patches, dim;
  int64_t batch_stride, head_stride, token_stride;
};

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

template <typename T>
void rotate(const at::Tensor &x, at::Tensor &out, const at::Tensor &sin, const at::Tensor &cos, bool backward) {
  const auto strides = x.strides();
  const Job<T> job{static_cast<const T *>(x.const_data_ptr()),
                   static_cast<T *>(out.mutable_data_ptr()),
                   static_cast<const Half *>(sin.const_data_ptr()),
                   static_cast<const Half *>(cos.const_data_ptr()),
                   x.size(1),
                   x.size(2),
                   sin.size(0),
                   x.size(3),
                   strides[0],
                   strides[1],
                   strides[2]};
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, job.tokens * job.dim));
  at::parallel_for(0, x.size(0) * job.heads, grain,
                   [&](int64_t begin, int64_t end) { run(job, backward, begin, end); });
}

template <bool Backward> at::Tensor rotated(at::Tensor x, const at::Tensor &sin, const at::Tensor &cos) {
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu(), "apply_rope wants [B, heads, N, D] on the CPU");
  TORCH_CHECK(sin.is_contiguous() && cos.is_contiguous() && sin.scalar_type() == at::kBFloat16 && sin.sizes() == cos.sizes() &&
                  sin.size(0) <= x.size(2) && sin.size(1) == x.size(3) && x.size(3) % 2 == 0,
              "apply_rope wants contiguous bfloat16 tables that fit the tokens");
  if (x.stride(3) != 1) {
    x = x.contiguous();
  }
  at::Tensor out = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat) {
    rotate<float>(x, out, sin, cos, Backward);
  } else {
    TORCH_CHECK(x.scalar_type() == at::kBFloat16, "apply_rope wants float32 or bfloat16");
    rotate<Half>(x, out, sin, cos, Backward);
  }
  return out;
}

struct ApplyRope : torch::autograd::Function<ApplyRope> {
  static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &x, const at::Tensor &sin,
                            const at::Tensor &cos) {
    context->save_for_backward({sin, cos});
    return rotated<false>(x, sin, cos);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context,
                                                 torch::autograd::variable_list grads) {
    const auto tables = context->get_saved_variables();
    return {rotated<true>(grads[0], tables[0], tables[1]), at::Tensor(), at::Tensor()};
  }
};

} // namespace

extern "C" dinov3_tensor dinov3_apply_rope(dinov3_tensor x, dinov3_tensor sin, dinov3_tensor cos) {
  return guarded([&] { return ApplyRope::apply(tensor(x), tensor(sin), tensor(cos)); });
}
