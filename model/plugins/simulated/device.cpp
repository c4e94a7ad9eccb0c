// `device/1` on the host. Work on the host has ended when a call returns, so that waiting is at once, and an event is a time of day.
// Memory is the process's; the kernel cannot begin its peak again, so `reset_peak` is absent.

#include "faults.h"
#include "simulated.h"

#include <ATen/CPUGeneratorImpl.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <mutex>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  Clock::time_point time;
};

thread_local std::string last_error;

bool failed(std::string why) {
  last_error = std::move(why);
  return false;
}

bool exists(int device) {
  return device == 0 || failed("the simulated device is the host: there is no device " + std::to_string(device));
}

bool register_device() { return true; }

int count() {
  if (is_broken("unknown-count")) {
    failed("the simulated device cannot count");
    return -1;
  }
  return 1;
}

bool set(int device) { return is_broken("any-device") || exists(device); }

bool synchronise(int device) { return exists(device) && (!is_broken("never-idle") || failed("the simulated device is never idle")); }

bool memory(int device, dinov3_memory *memory) {
  if (!exists(device)) {
    return false;
  }
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t pages = 0, resident = 0;
  rusage usage{};
  if (!(std::ifstream("/proc/self/statm") >> pages >> resident) || getrusage(RUSAGE_SELF, &usage) != 0) {
    return failed("the kernel does not say how much memory this process has");
  }
  const uint64_t in_use = is_broken("memory-constant") ? page : resident * page;
  // The kernel's peak lags behind.
  const uint64_t peak = std::max(in_use, static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  *memory = {in_use, peak, static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * page};
  return true;
}

bool seed(int device, uint64_t seed) {
  if (exists(device) && !is_broken("seed-ignored")) {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
  return device == 0;
}

bool event_make(int device, dinov3_event *made) {
  if (!exists(device)) {
    return false;
  }
  *made = new Event();
  return true;
}

bool event_record(dinov3_event event) {
  static_cast<Event *>(event)->time = Clock::now();
  return true;
}

bool event_wait(dinov3_event) { return true; }

bool event_elapsed(dinov3_event begin, dinov3_event end, double *milliseconds) {
  const auto between = static_cast<Event *>(end)->time - static_cast<Event *>(begin)->time;
  *milliseconds = std::chrono::duration<double, std::milli>(is_broken("clock-backwards") ? -between : between).count();
  return true;
}

void event_free(dinov3_event event) { delete static_cast<Event *>(event); }

const char *error() { return last_error.c_str(); }

} // namespace

const dinov3_device_1 *simulated_device() {
  static const dinov3_device_1 table = {
      sizeof(dinov3_device_1), "cpu",      register_device, count,      set,           synchronise, memory, nullptr, seed,
      event_make,              event_record, event_wait,      event_elapsed, event_free, error,
  };
  return &table;
}
