// The table of the simulated NPU: a machine with eight devices of the type `npu`, on the host's memory, whose work waits in a queue and whose
// backend lacks what HCCL lacks. `DINOV3_SIMULATED_NPU_FAULT` breaks it: see faults.h.

#include "queue.h"
#include "runtime.h"

#include <torch/version.h>

#include <string_view>

namespace {

// Nothing can be missing.
void examine(void *, void (*)(void *context, const char *missing, const char *remedy)) {}

const dinov3_doctor_1 doctor = {sizeof(dinov3_doctor_1), examine};
const dinov3_counters_1 counters = {sizeof(dinov3_counters_1), npu::each_counter, npu::reset_counters};

const void *get(const char *capability) {
  const std::string_view name(capability);
  if (name == DINOV3_C10D_1) {
    return npu_c10d();
  }
  if (name == DINOV3_DEVICE_1) {
    return npu_device();
  }
  if (name == DINOV3_DOCTOR_1) {
    return &doctor;
  }
  return name == DINOV3_COUNTERS_1 ? &counters : nullptr;
}

} // namespace

extern "C" const dinov3_plugin_table *dinov3_plugin() {
  static const dinov3_plugin_table table = {DINOV3_PLUGIN_ABI, sizeof(dinov3_plugin_table), TORCH_VERSION, DINOV3_PLUGIN_CXX_ABI, get};
  return &table;
}
