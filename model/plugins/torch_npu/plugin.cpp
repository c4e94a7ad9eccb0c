// The table of the plugin for torch_npu. This library needs neither torch_npu nor CANN, so that it can say which of them is missing. What needs
// them is a second library beside it, loaded when the device is registered (device.cpp).

#include "device.h"
#include "missing.h"
#ifdef DINOV3_TORCH_NPU_WHEEL
#include "python.h"
#endif

#include <torch/version.h>

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace plugin = torch_npu_plugin;

thread_local std::string last_error;
const plugin::Device *device = nullptr;

// The file of this library.
std::filesystem::path own_file() {
  Dl_info info{};
  dladdr(reinterpret_cast<void *>(&own_file), &info);
  return info.dli_fname;
}

void *loaded(const std::string &library) {
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    throw std::runtime_error(dlerror());
  }
  return handle;
}

// The first thing that is missing stands for those that it causes.
void refuse_missing() {
  std::string first;
  plugin::examine([&](const std::string &what, const std::string &remedy) { first = first.empty() ? what + " (" + remedy + ")" : first; });
  if (!first.empty()) {
    throw std::runtime_error(first);
  }
}

void load() {
  refuse_missing();
  // Before the first group. The process is the harness's to end: an error is raised from `wait`, in time.
  setenv("HCCL_ASYNC_ERROR_HANDLING", "0", 1);
  setenv("HCCL_BLOCKING_WAIT", "1", 1);
#ifdef DINOV3_TORCH_NPU_WHEEL
  plugin::start_python();
#endif
  loaded((std::filesystem::path(plugin::folder()) / "lib" / "libtorch_npu.so").string());
  void *half = loaded((own_file().parent_path() / "libdinov3_torch_npu_device.so").string());
  const auto entry = reinterpret_cast<const plugin::Device *(*)()>(dlsym(half, "dinov3_torch_npu_device"));
  if (entry == nullptr) {
    throw std::runtime_error("libdinov3_torch_npu_device.so has no `dinov3_torch_npu_device`");
  }
  device = entry();
  device->start();
}

bool register_device() {
  static std::once_flag once;
  try {
    std::call_once(once, load);
    return true;
  } catch (const std::exception &error) {
    last_error = error.what();
    return false;
  }
}

// What a call gives before the device is there.
bool absent() {
  if (device == nullptr) {
    last_error = "the NPU has not been registered";
  }
  return device == nullptr;
}

int count() { return absent() ? -1 : device->table->count(); }
bool set(int index) { return !absent() && device->table->set(index); }
bool synchronise(int index) { return !absent() && device->table->synchronise(index); }
bool memory(int index, dinov3_memory *memory) { return !absent() && device->table->memory(index, memory); }
bool reset_peak(int index) { return !absent() && device->table->reset_peak(index); }
bool seed(int index, uint64_t seed) { return !absent() && device->table->seed(index, seed); }
bool event_make(int index, dinov3_event *made) { return !absent() && device->table->event_make(index, made); }
bool event_record(dinov3_event event) { return device->table->event_record(event); }
bool event_wait(dinov3_event event) { return device->table->event_wait(event); }
bool event_elapsed(dinov3_event begin, dinov3_event end, double *ms) { return device->table->event_elapsed(begin, end, ms); }
void event_free(dinov3_event event) { device->table->event_free(event); }

bool make_backend(void *store, int rank, int size, int index, int64_t timeout_ms, void **made) {
  return register_device() && device->make_backend(store, rank, size, index, timeout_ms, made);
}

// uint8 and bool are cast to int32 for it.
bool reduces(const char *dtype) { return std::string_view(dtype) != "float64"; }

const char *error() {
  // A text of this half is of a call that did not reach the other.
  return last_error.empty() && device != nullptr ? device->table->error() : last_error.c_str();
}

void examine(void *context, void (*each)(void *context, const char *missing, const char *remedy)) {
  plugin::examine([&](const std::string &what, const std::string &remedy) { each(context, what.c_str(), remedy.c_str()); });
}

void read_counters(void *context, void (*each)(void *context, const char *name, uint64_t count)) {
  if (device != nullptr) {
    device->read_counters(context, each);
  }
}

void reset_counters() {
  if (device != nullptr) {
    device->reset_counters();
  }
}

const void *get(const char *capability) {
  static const dinov3_device_1 devices = {
      sizeof(dinov3_device_1), "npu",        register_device, count,         set,        synchronise, memory, reset_peak, seed,
      event_make,              event_record, event_wait,      event_elapsed, event_free, error,
  };
  static const dinov3_c10d_1 c10d = {sizeof(dinov3_c10d_1), plugin::multiplies(plugin::version()), "hccl", "npu", make_backend, error, reduces};
  static const dinov3_doctor_1 doctor = {sizeof(dinov3_doctor_1), examine};
  static const dinov3_counters_1 counters = {sizeof(dinov3_counters_1), read_counters, reset_counters};
  const std::string_view name(capability);
  if (name == DINOV3_DEVICE_1) {
    return &devices;
  }
  if (name == DINOV3_C10D_1) {
    return &c10d;
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
