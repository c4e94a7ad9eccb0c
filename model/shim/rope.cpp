// The rotation of queries and keys on a CPU, in one pass where the reference's composition of ops takes eleven, with its bits.
//
// Each op of that composition rounds to bfloat16, and so does each line here; what one op adds to another's zeros is exact.
#include "shim.h"
#include "guard.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {

using c10::BFloat16;

inline float rounded(float x) { return static_cast<float>(BFloat16(x)); }

// The tables of a patch, and which way its halves turn into each other.
struct Angles {
  const BFloat16 *sin, *cos;
  int64_t half;
};

// x cos + rotate_half(x) sin, where rotate_half(x) = [-x2, x1].
template <typename T> void forward_row(const T *x, T *out, Angles a) {
  for (int64_t i = 0; i < a.half; ++i) {
    const int64_t j = i + a.half;
    const float low = rounded(static_cast<float>(x[i])), high = rounded(static_cast<float>(x[j]));
    out[i] = static_cast<T>(rounded(rounded(low * static_cast<float>(a.cos[i])) + rounded(-high * static_cast<float>(a.sin[i]))));
    out[j] = static_cast<T>(rounded(rounded(high * static_cast<float>(a.cos[j])) + rounded(low * static_cast<float>(a.sin[j]))));
  }
}

// Its gradient. Autograd pads the gradients of slices with zeros and adds them up, which turns -0 into 0; so does `+ 0.0f`.
template <typename T> void backward_row(const T *grad, T *out, Angles a) {
  for (int64_t i = 0; i < a.half; ++i) {
    const int64_t j = i + a.half;
    const float low = rounded(static_cast<float>(grad[i])), high = rounded(static_cast<float>(grad[j]));
    out[i] = static_cast<T>(rounded(rounded(low * static_cast<float>(a.cos[i])) + rounded(high * static_cast<float>(a.sin[j]))) + 0.0f);
    out[j] = static_cast<T>(rounded(rounded(high * static_cast<float>(a.cos[j])) - rounded(low * static_cast<float>(a.sin[i]))) + 0.0f);
  }
}

// Prefix tokens (CLS and storage) have no position and only pass through bfloat16.
template <typename T> void prefix_row(const T *x, T *out, int64_t dim, float zero) {
  for (int64_t i = 0; i < dim; ++i) {
    out[i] = static_cast<T>(rounded(static_cast<float>(x[i])) + zero);
  }
}

template <typename T, bool Backward> void rotate(const at::Tensor &x, at::Tensor &out, const at::Tensor &sin, const at::Tensor &cos) {
  const int64_t heads = x.size(1), tokens = x.size(2), dim = x.size(3), patches = sin.size(0);
  const auto stride = x.strides();
  const T *from = x.const_data_ptr<T>();
  T *to = out.mutable_data_ptr<T>();
  const auto *s = sin.const_data_ptr<BFloat16>();
  const auto *c = cos.const_data_ptr<BFloat16>();
  const int64_t grain = std::max<int64_t>(1, 16384 / (tokens * dim));
  at::parallel_for(0, x.size(0) * heads, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T *row = from + i / heads * stride[0] + i % heads * stride[1];
      T *target = to + i * tokens * dim;
      for (int64_t t = 0; t < tokens; ++t, row += stride[2], target += dim) {
        const int64_t patch = t - (tokens - patches);
        if (patch < 0) {
          // Adding -0 changes nothing, adding 0 turns -0 into 0.
          prefix_row(row, target, dim, Backward ? 0.0f : -0.0f);
        } else if (Backward) {
          backward_row(row, target, Angles{s + patch * dim, c + patch * dim, dim / 2});
        } else {
          forward_row(row, target, Angles{s + patch * dim, c + patch * dim, dim / 2});
        }
      }
    }
  });
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
    rotate<float, Backward>(x, out, sin, cos);
  } else {
    TORCH_CHECK(x.scalar_type() == at::kBFloat16, "apply_rope wants float32 or bfloat16");
    rotate<BFloat16, Backward>(x, out, sin, cos);
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
