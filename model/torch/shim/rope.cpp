// The rotation of queries and keys on a CPU, in one pass where the reference's composition of ops takes eleven, with its bits.
//
// Each op of that composition rounds to bfloat16, and so does each line of rope_loops.cpp; what one op adds to zeros of another is exact.
#include "guard.h"
#include "rope_loops.h"
#include "shim.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstdint>

namespace {

using rope::Half;
using rope::Job;

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
                   [&](int64_t begin, int64_t end) { rope::run(job, backward, begin, end); });
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
