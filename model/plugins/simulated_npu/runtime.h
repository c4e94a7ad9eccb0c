// What the files of the simulated NPU tell each other about devices, generators and page-locked memory.
#pragma once

#include "dinov3_plugin.h"

#include <ATen/core/Generator.h>
#include <c10/core/Allocator.h>
#include <c10/core/Device.h>

#include <optional>

namespace torch {
class Library;
}

namespace npu {

int current_device();
void set_current_device(int device);

// Makes a device the current one of this thread, and the one before it again.
class CurrentDevice {
public:
  explicit CurrentDevice(std::optional<c10::Device> device) : before(current_device()) {
    if (device && device->has_index()) {
      set_current_device(device->index());
    }
  }
  ~CurrentDevice() { set_current_device(before); }
  CurrentDevice(const CurrentDevice &) = delete;
  CurrentDevice &operator=(const CurrentDevice &) = delete;

private:
  int before;
};

// Gives memory of the current device.
c10::Allocator *allocator();
bool is_pinned(const void *address);
// The generator of the host that kernels of a device draw from.
at::Generator host_generator(int device);
// Tells libtorch about the type of device, once.
void register_runtime();
void register_kernels();
// The ones that are about memory, which `register_kernels` gives to `all`.
void register_memory_ops(torch::Library &all);

} // namespace npu

const dinov3_c10d_1 *npu_c10d();
const dinov3_device_1 *npu_device();
