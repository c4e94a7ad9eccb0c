#include "shim.h"
#include "guard.h"

#include "dinov3_plugin.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <torch/version.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

thread_local std::string last_error;

namespace {

std::vector<at::Tensor> list(dinov3_tensors pointers, size_t n) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    tensors.push_back(tensor(pointers[i]));
  }
  return tensors;
}

} // namespace

extern "C" {

const char *dinov3_shim_error() { return last_error.c_str(); }

dinov3_tensor dinov3_index_add(dinov3_tensor self, int64_t dim, dinov3_tensor index, dinov3_tensor source,
                               double alpha) {
  return guarded([&] { return at::index_add(tensor(self), dim, tensor(index), tensor(source), alpha); });
}

dinov3_tensor dinov3_l2_norm(dinov3_tensor self, int64_t dim) {
  return guarded([&] { return at::linalg_vector_norm(tensor(self), 2.0, at::IntArrayRef(dim), /*keepdim=*/true); });
}

bool dinov3_foreach_mul_scalar(dinov3_tensors self, size_t n, double factor) {
  return succeeds([&] { at::_foreach_mul_(list(self, n), factor); });
}

bool dinov3_foreach_mul_tensor(dinov3_tensors self, size_t n, dinov3_tensor factor) {
  return succeeds([&] { at::_foreach_mul_(list(self, n), tensor(factor)); });
}

bool dinov3_foreach_add(dinov3_tensors self, dinov3_tensors other, size_t n, double alpha) {
  return succeeds([&] { at::_foreach_add_(list(self, n), list(other, n), alpha); });
}

dinov3_tensor dinov3_foreach_norm(dinov3_tensors self, size_t n) {
  return guarded([&] { return at::stack(at::_foreach_norm(list(self, n), 2)); });
}

bool dinov3_addcmul(dinov3_tensor self, dinov3_tensor a, dinov3_tensor b, double value) {
  return succeeds([&] { tensor(self).addcmul_(tensor(a), tensor(b), value); });
}

bool dinov3_addcdiv(dinov3_tensor self, dinov3_tensor a, dinov3_tensor b, double value) {
  return succeeds([&] { tensor(self).addcdiv_(tensor(a), tensor(b), value); });
}

bool dinov3_fused_adamw(dinov3_tensors params, dinov3_tensors grads, dinov3_tensors exp_avgs,
                        dinov3_tensors exp_avg_sqs, dinov3_tensors steps, size_t n, dinov3_adamw options) {
  return succeeds([&] {
    at::_fused_adamw_(list(params, n), list(grads, n), list(exp_avgs, n), list(exp_avg_sqs, n),
                      /*max_exp_avg_sqs=*/{}, list(steps, n), options.lr, options.beta1, options.beta2,
                      options.weight_decay, options.eps, /*amsgrad=*/false, /*maximize=*/false);
  });
}

dinov3_tensor dinov3_take_grad(dinov3_tensor self) {
  at::Tensor &grad = tensor(self).mutable_grad();
  if (!grad.defined()) {
    return nullptr;
  }
  auto *taken = new at::Tensor(std::move(grad));
  grad.reset();
  return taken;
}

bool dinov3_retain_grad(dinov3_tensor self) {
  return succeeds([&] { tensor(self).retain_grad(); });
}

bool dinov3_is_same(dinov3_tensor self, dinov3_tensor other) { return tensor(self).is_same(tensor(other)); }

dinov3_tensor dinov3_rng_state() {
  return guarded([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    return generator.get_state();
  });
}

bool dinov3_set_rng_state(dinov3_tensor state) {
  return succeeds([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(tensor(state));
  });
}

const char *dinov3_cpu_capability() {
  static const std::string capability = at::get_cpu_capability();
  return capability.c_str();
}

const char *dinov3_torch_version() { return TORCH_VERSION; }

const char *dinov3_cxx_abi() { return DINOV3_PLUGIN_CXX_ABI; }

}
