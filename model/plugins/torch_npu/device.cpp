// The half of the plugin that is linked with torch_npu: its devices, memory, generator, events, and HCCL.

#include "device.h"

#include <ATen/core/Generator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>
#include <torch_npu/csrc/aten/NPUGeneratorImpl.h>
#include <torch_npu/csrc/core/npu/NPUCachingAllocator.h>
#include <torch_npu/csrc/core/npu/NPUEvent.h>
#include <torch_npu/csrc/core/npu/NPUFunctions.h>
#include <torch_npu/csrc/core/npu/NPUStream.h>
#include <torch_npu/csrc/distributed/ProcessGroupHCCL.hpp>
#ifndef DINOV3_TORCH_NPU_WHEEL
#include <torch_npu/csrc/libs/init_npu.h>
#endif

#include <dlfcn.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace {

thread_local std::string last_error;

// Runs `body`; false, with its message, where it throws.
template <typename Body> bool succeeds(Body body) {
  try {
    body();
    return true;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return false;
}

void check(aclError code, const char *call) { TORCH_CHECK(code == ACL_ERROR_NONE, call, " gave the error ", code); }

c10::DeviceIndex index_of(int device) {
  TORCH_CHECK(0 <= device && device < c10_npu::device_count(), "there is no npu:", device, "; this machine has ",
              static_cast<int>(c10_npu::device_count()));
  return static_cast<c10::DeviceIndex>(device);
}

std::mutex &counters_mutex() {
  static auto *mutex = new std::mutex;
  return *mutex;
}

std::map<std::string, uint64_t> &counters() {
  static auto *counters = new std::map<std::string, uint64_t>;
  return *counters;
}

// torch_npu warns once of each op that falls back to the host: `The operator 'aten::X' is not currently supported on the NPU backend and will
// fall back to run on the CPU`.
class Counting final : public c10::WarningHandler {
public:
  void process(const c10::Warning &warning) override {
    const std::string &text = warning.msg();
    const size_t begin = text.find("The operator '"), end = begin == std::string::npos ? begin : text.find('\'', begin + 14);
    if (end == std::string::npos || text.find("fall back to run on the CPU") == std::string::npos) {
      c10::WarningHandler::process(warning);
      return;
    }
    const std::lock_guard<std::mutex> lock(counters_mutex());
    ++counters()["fallback " + text.substr(begin + 14, end - begin - 14)];
  }
};

void count_fallbacks() {
  static auto *handler = new Counting;
  c10::WarningUtils::set_warning_handler(handler);
}

void start() {
#ifndef DINOV3_TORCH_NPU_WHEEL
  torch_npu::init_npu(c10::DeviceIndex(0));
#endif
  count_fallbacks();
}

int count() {
  // 0 where the runtime cannot tell: torch_npu hides the reason.
  return static_cast<int>(c10_npu::device_count());
}

bool set(int device) {
  return succeeds([&] {
    // Not by the runtime's own call: torch_npu keeps a current device of its own for each thread.
    check(c10_npu::SetDevice(index_of(device)), "SetDevice");
    count_fallbacks();
  });
}

bool synchronise(int device) {
  return succeeds([&] {
    const c10::DeviceGuard guard(c10::Device(c10::kPrivateUse1, index_of(device)));
    check(c10_npu::npuSynchronizeDevice(true), "npuSynchronizeDevice") ;
  });
}

bool memory(int device, dinov3_memory *memory) {
  return succeeds([&] {
    const c10::DeviceGuard guard(c10::Device(c10::kPrivateUse1, index_of(device)));
    const auto stats = c10_npu::NPUCachingAllocator::getDeviceStats(device);
    const auto &reserved = stats.reserved_bytes[0];
    // CANN is in the process, and is not linked with: this library is made where there is none.
    const auto ask = reinterpret_cast<decltype(&aclrtGetMemInfo)>(dlsym(RTLD_DEFAULT, "aclrtGetMemInfo"));
    TORCH_CHECK(ask != nullptr, "CANN has no aclrtGetMemInfo");
    size_t free = 0, total = 0;
    check(ask(ACL_HBM_MEM, &free, &total), "aclrtGetMemInfo");
    *memory = {static_cast<uint64_t>(reserved.current), static_cast<uint64_t>(reserved.peak), total};
  });
}

bool reset_peak(int device) {
  return succeeds([&] { c10_npu::NPUCachingAllocator::resetPeakStats(index_of(device)); });
}

bool seed(int device, uint64_t seed) {
  return succeeds([&] {
    at::Generator generator = at_npu::detail::getDefaultNPUGenerator(index_of(device));
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  });
}

struct Event {
  c10::DeviceIndex device;
  c10_npu::NPUEvent event;
};

bool event_make(int device, dinov3_event *made) {
  return succeeds([&] { *made = new Event{index_of(device), {}}; });
}

bool event_record(dinov3_event event) {
  return succeeds([&] {
    auto &it = *static_cast<Event *>(event);
    const c10::DeviceGuard guard(c10::Device(c10::kPrivateUse1, it.device));
    it.event.record(c10_npu::getCurrentNPUStream(it.device));
  });
}

bool event_wait(dinov3_event event) {
  return succeeds([&] { static_cast<Event *>(event)->event.synchronize(); });
}

bool event_elapsed(dinov3_event begin, dinov3_event end, double *milliseconds) {
  return succeeds([&] { *milliseconds = static_cast<Event *>(begin)->event.elapsed_time(static_cast<Event *>(end)->event); });
}

void event_free(dinov3_event event) { delete static_cast<Event *>(event); }

const char *error() { return last_error.c_str(); }

bool make_backend(void *store, int rank, int size, int device, int64_t timeout_ms, void **made) {
  return succeeds([&] {
    check(c10_npu::SetDevice(index_of(device)), "SetDevice");
    // `Options::create` ignores a timeout that it is given.
    auto options = c10d_npu::ProcessGroupHCCL::Options::create();
    options->timeout = std::chrono::milliseconds(timeout_ms);
    options->opTimeout = options->timeout;
    const auto &ours = *static_cast<c10::intrusive_ptr<c10d::Store> *>(store);
    auto group = c10::make_intrusive<c10d_npu::ProcessGroupHCCL>(ours, rank, size, options);
    *made = new c10::intrusive_ptr<c10d::Backend>(std::move(group));
  });
}

void read_counters(void *context, void (*each)(void *context, const char *name, uint64_t count)) {
  const std::lock_guard<std::mutex> lock(counters_mutex());
  for (const auto &[name, count] : counters()) {
    each(context, name.c_str(), count);
  }
}

void reset_counters() {
  const std::lock_guard<std::mutex> lock(counters_mutex());
  counters().clear();
}

const dinov3_device_1 table = {
    sizeof(dinov3_device_1), "npu",        nullptr,    count,         set,        synchronise, memory, reset_peak, seed,
    event_make,              event_record, event_wait, event_elapsed, event_free, error,
};

} // namespace

extern "C" const torch_npu_plugin::Device *dinov3_torch_npu_device() {
  static const torch_npu_plugin::Device device = {start, &table, make_backend, read_counters, reset_counters};
  return &device;
}
