// Where a tensor is, and how to bring it elsewhere: tch knows the host and CUDA, and reads every other device as MPS. See shim.h.
#include "guard.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>

extern "C" {

const char *dinov3_device(dinov3_tensor self) {
  thread_local std::string text;
  return succeeds([&] { text = tensor(self).device().str(); }) ? text.c_str() : nullptr;
}

dinov3_tensor dinov3_to_device(dinov3_tensor self, const char *device) {
  return guarded([&] { return tensor(self).to(at::Device(std::string(device))); });
}

// Whether a device copies from page-locked memory while the host goes on.
static bool takes_page_locked(const at::Device &device) { return device.is_cuda() || device.is_privateuseone(); }

dinov3_tensor dinov3_place(dinov3_tensor self, const char *device, dinov3_tensor of_dtype) {
  return guarded([&] {
    const at::Device there{std::string(device)};
    const at::Tensor &here = tensor(self);
    const bool staged = takes_page_locked(there) && here.device().is_cpu();
    const auto options = at::TensorOptions().device(there).dtype(tensor(of_dtype).dtype());
    return (staged ? here.pin_memory() : here).to(options, staged);
  });
}

dinov3_tensor dinov3_empty(const int64_t *shape, size_t dimensions, const char *device, dinov3_tensor of_dtype) {
  return guarded([&] {
    const auto options = at::TensorOptions().device(at::Device(std::string(device))).dtype(tensor(of_dtype).dtype());
    return at::empty(at::IntArrayRef(shape, dimensions), options);
  });
}

dinov3_tensor dinov3_staging(const int64_t *shape, size_t dimensions, const char *device, dinov3_tensor of_dtype) {
  return guarded([&] {
    const auto options = at::TensorOptions().dtype(tensor(of_dtype).dtype());
    return at::empty(at::IntArrayRef(shape, dimensions), options.pinned_memory(takes_page_locked(at::Device(std::string(device)))));
  });
}

dinov3_tensor dinov3_empty_rows(dinov3_tensor self, int64_t times) {
  return guarded([&] {
    std::vector<int64_t> shape = tensor(self).sizes().vec();
    if (shape.empty()) {
      shape.push_back(1);
    }
    shape.front() *= times;
    return at::empty(shape, tensor(self).options());
  });
}

bool dinov3_set_tf32(bool allowed) {
  return succeeds([&] {
    at::Context &context = at::globalContext();
    context.setAllowTF32CuBLAS(allowed);
    context.setAllowTF32CuDNN(allowed);
    context.setBenchmarkCuDNN(false);
    // Its products of float32 are sums of three of TF32, which loses bits of every attention.
    context.setSDPUseMemEfficient(allowed);
  });
}

bool dinov3_tf32() {
  const at::Context &context = at::globalContext();
  return context.allowTF32CuBLAS() && context.allowTF32CuDNN();
}

}
