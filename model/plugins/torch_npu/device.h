// What the half of the plugin that is linked with torch_npu gives the half that is not.
#pragma once

#include "dinov3_plugin.h"

namespace torch_npu_plugin {

struct Device {
  // After torch_npu has been loaded, once. Throws std::exception.
  void (*start)();
  // `device/1`, but for `register_device`.
  const dinov3_device_1 *table;
  bool (*make_backend)(void *store, int rank, int size, int device, int64_t timeout_ms, void **made);
  void (*read_counters)(void *context, void (*each)(void *context, const char *name, uint64_t count));
  void (*reset_counters)();
};

} // namespace torch_npu_plugin

// Null for no function: defined in libdinov3_torch_npu_device.so.
extern "C" const torch_npu_plugin::Device *dinov3_torch_npu_device();
