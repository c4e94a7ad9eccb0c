#include "shim.h"

#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <torch/version.h>

#include <exception>
#include <string>

namespace {

thread_local std::string last_error;

at::Tensor &tensor(dinov3_tensor pointer) { return *static_cast<at::Tensor *>(pointer); }

// Runs `body`, which returns an `at::Tensor`, and hands the result over to the caller.
template <typename Body> dinov3_tensor guarded(Body body) {
  try {
    return new at::Tensor(body());
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return nullptr;
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

const char *dinov3_cpu_capability() {
  static const std::string capability = at::get_cpu_capability();
  return capability.c_str();
}

const char *dinov3_torch_version() { return TORCH_VERSION; }

}
