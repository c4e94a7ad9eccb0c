// The table of the simulated plugin: a device on the host's memory, as a device's maker would lend it. With it, everything that the
// harness does for plugins is tested where there is no device. `DINOV3_SIMULATED_FAULT` breaks it: see faults.h.

#include "faults.h"
#include "simulated.h"

#include <torch/version.h>

#include <string_view>

// The loader is not compiled from the header; it holds its own layout to these numbers (model/torch/src/plugin/tests.rs).
static_assert(sizeof(dinov3_plugin_table) == 32 && sizeof(dinov3_c10d_1) == 48 && sizeof(dinov3_device_1) == 120 &&
              sizeof(dinov3_memory) == 24 && sizeof(dinov3_doctor_1) == 16);

namespace {

void examine(void *context, void (*each)(void *context, const char *missing, const char *remedy)) {
  if (is_broken("no-driver")) {
    each(context, "the driver of the simulated device is not loaded", "run `modprobe simulated`");
  }
}

const void *get(const char *capability) {
  const std::string_view name(capability);
  if (name == DINOV3_C10D_1 || is_broken("unknown-capability")) {
    return simulated_c10d();
  }
  if (name == DINOV3_DEVICE_1 && !is_broken("no-device")) {
    return simulated_device();
  }
  if (name == DINOV3_DOCTOR_1 && !is_broken("no-doctor")) {
    return simulated_doctor();
  }
  return nullptr;
}

// As a newer header may have it: members at the end that this harness does not know.
struct Newer {
  dinov3_plugin_table known;
  const char *unknown[4];
};

} // namespace

const dinov3_doctor_1 *simulated_doctor() {
  static const dinov3_doctor_1 table = {sizeof(dinov3_doctor_1), examine};
  return &table;
}

extern "C" const dinov3_plugin_table *dinov3_plugin() {
  static const Newer table = [] {
    uint32_t size = sizeof(dinov3_plugin_table);
    size = is_broken("newer") ? sizeof(Newer) : is_broken("small-table") ? 8 : size;
    return Newer{{
                     is_broken("other-abi") ? DINOV3_PLUGIN_ABI + 1U : DINOV3_PLUGIN_ABI,
                     size,
                     is_broken("other-torch") ? "2.7.1" : TORCH_VERSION,
                     is_broken("other-cxx-abi") ? "libc++" : DINOV3_PLUGIN_CXX_ABI,
                     get,
                 },
                 {"members", "of", "another", "year"}};
  }();
  return &table.known;
}
