// Where a tensor is, and how to bring it elsewhere: tch knows the host and CUDA, and takes every other device for the host. See shim.h.
#include "guard.h"

#include <ATen/Functions.h>

extern "C" {

const char *dinov3_device(dinov3_tensor self) {
  thread_local std::string text;
  if (!succeeds([&] { text = tensor(self).device().str(); })) {
    text = "no device";
  }
  return text.c_str();
}

dinov3_tensor dinov3_to_device(dinov3_tensor self, const char *device) {
  return guarded([&] { return tensor(self).to(at::Device(std::string(device))); });
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

}
