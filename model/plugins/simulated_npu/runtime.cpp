// What libtorch asks of a type of device: its guard, its hooks, its generator, its allocator; and `device/1`.

#include "runtime.h"
#include "faults.h"
#include "memory.h"
#include "queue.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace npu {
namespace {

using Clock = std::chrono::steady_clock;

thread_local int current = 0;
thread_local std::string last_error;

void check(int device) {
  TORCH_CHECK(0 <= device && device < DEVICES, "there is no npu:", device, "; the simulated machine has ", DEVICES);
}

c10::Device place(int device) { return {c10::kPrivateUse1, static_cast<c10::DeviceIndex>(device)}; }

void free_on_device(void *address) {
  if (address != nullptr) {
    forget(address);
    give_back(device_of(address), address);
  }
}

class DeviceAllocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(size_t n) override {
    void *address = npu::allocate(current, n);
    return {address, address, &free_on_device, place(current)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_on_device; }
  void copy_data(void *to, const void *from, size_t n) const override { default_copy_data(host_of(to), host_of(from), n); }
};

// Memory of the host that a device may read while the host goes on.
class PinnedAllocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(size_t n) override {
    void *address = n == 0 ? nullptr : std::aligned_alloc(64, (n + 63) / 64 * 64);
    const std::lock_guard<std::mutex> lock(mutex());
    if (address != nullptr) {
      ranges()[address] = n;
    }
    return {address, address, &give_back, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void *to, const void *from, size_t n) const override { default_copy_data(to, from, n); }

  static bool has(const void *address) {
    const std::lock_guard<std::mutex> lock(mutex());
    const auto after = ranges().upper_bound(const_cast<void *>(address));
    if (after == ranges().begin()) {
      return false;
    }
    const auto &[begin, bytes] = *std::prev(after);
    return static_cast<const char *>(address) < static_cast<const char *>(begin) + bytes;
  }

private:
  static void give_back(void *address) {
    {
      const std::lock_guard<std::mutex> lock(mutex());
      ranges().erase(address);
    }
    std::free(address);
  }
  static std::mutex &mutex() {
    static auto *mutex = new std::mutex;
    return *mutex;
  }
  static std::map<void *, size_t> &ranges() {
    static auto *ranges = new std::map<void *, size_t>;
    return *ranges;
  }
};

DeviceAllocator &device_allocator() {
  static auto *allocator = new DeviceAllocator;
  return *allocator;
}

// The generator of a device as libtorch knows it. Kernels draw from the host's beside it.
struct DeviceGenerator final : at::CPUGeneratorImpl {
  explicit DeviceGenerator(int device) : CPUGeneratorImpl(c10::detail::getNonDeterministicRandom()), index(device) {
    device_ = place(device);
    key_set_ = c10::DispatchKeySet(c10::DispatchKey::PrivateUse1);
  }
  void set_current_seed(uint64_t seed) override {
    CPUGeneratorImpl::set_current_seed(seed);
    at::Generator drawn = host_generator(index);
    const std::lock_guard<std::mutex> lock(drawn.mutex());
    drawn.set_current_seed(seed);
  }
  int index;
};

const at::Generator &device_generator(int device) {
  static auto *all = new std::array<at::Generator, DEVICES>;
  static std::once_flag once;
  std::call_once(once, [] {
    for (int i = 0; i < DEVICES; ++i) {
      all->at(static_cast<size_t>(i)) = at::make_generator<DeviceGenerator>(i);
    }
  });
  return all->at(static_cast<size_t>(device));
}

// The point of a queue behind which an event is, and when the device came to it.
struct Event {
  int device = 0;
  uint64_t number = 0;
  std::shared_ptr<Clock::time_point> time = std::make_shared<Clock::time_point>();
};

void record(Event &event, int device) {
  event.device = device;
  event.time = std::make_shared<Clock::time_point>();
  enqueue(device, "an event", [time = event.time] { *time = Clock::now(); });
  event.number = enqueued(device);
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kPrivateUse1; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const int before = current;
    setDevice(device);
    return place(before);
  }
  c10::Device getDevice() const override { return place(current); }
  void setDevice(c10::Device device) const override {
    if (device.has_index()) {
      check(device.index());
      current = device.index();
    }
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override { current = device.has_index() ? device.index() : current; }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device.has_index() ? device : getDevice());
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return DEVICES; }
  void record(void **event, const c10::Stream &stream, const c10::DeviceIndex, const c10::EventFlag) const override {
    if (*event == nullptr) {
      *event = new Event;
    }
    npu::record(*static_cast<Event *>(*event), stream.device_index());
  }
  // A device has one stream, whose work is in order.
  void block(void *, const c10::Stream &) const override {}
  bool queryEvent(void *event) const override {
    const auto *it = static_cast<Event *>(event);
    return it == nullptr || done(it->device) >= it->number;
  }
  void destroyEvent(void *event, const c10::DeviceIndex) const noexcept override { delete static_cast<Event *>(event); }
  bool queryStream(const c10::Stream &stream) const override { return done(stream.device_index()) >= enqueued(stream.device_index()); }
  void synchronizeStream(const c10::Stream &stream) const override { synchronizeDevice(stream.device_index()); }
  void synchronizeEvent(void *event) const override {
    if (const auto *it = static_cast<Event *>(event)) {
      count("wait for an event");
      drain_to(it->device, it->number);
    }
  }
  void synchronizeDevice(const c10::DeviceIndex device) const override {
    count("wait for the device");
    drain(device);
  }
  void recordDataPtrOnStream(const c10::DataPtr &, const c10::Stream &) const override {}
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  const at::Generator &getDefaultGenerator(c10::DeviceIndex device) const override {
    return device_generator(device < 0 ? current : device);
  }
  at::Generator getNewGenerator(c10::DeviceIndex device) const override {
    return at::make_generator<DeviceGenerator>(device < 0 ? current : device);
  }
  at::Device getDeviceFromPtr(void *) const override { return place(current); }
  bool isPinnedPtr(const void *data) const override { return is_pinned(data); }
  c10::Allocator *getPinnedMemoryAllocator() const override {
    static auto *allocator = new PinnedAllocator;
    return allocator;
  }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return DEVICES; }
  void setCurrentDevice(c10::DeviceIndex device) const override { current = device; }
  c10::DeviceIndex getCurrentDevice() const override { return static_cast<c10::DeviceIndex>(current); }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex device) const override {
    return static_cast<c10::DeviceIndex>(std::exchange(current, device));
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex device) const override { return exchangeDevice(device); }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

// Runs `body`; false, with its message, where it throws.
template <typename Body> bool succeeds(Body body) {
  try {
    body();
    return true;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception &error) {
    last_error = error.what();
  }
  return false;
}

bool register_device() { return succeeds(register_runtime); }

int count_devices() { return DEVICES; }

bool set(int device) {
  return succeeds([&] {
    check(device);
    current = device;
  });
}

bool synchronise(int device) {
  return succeeds([&] {
    check(device);
    Guard().synchronizeDevice(static_cast<c10::DeviceIndex>(device));
  });
}

bool memory(int device, dinov3_memory *memory) {
  return succeeds([&] {
    check(device);
    const Figures now = figures(device);
    *memory = {now.in_use, now.peak, now.total};
  });
}

bool reset(int device) {
  return succeeds([&] {
    check(device);
    reset_peak(device);
  });
}

bool seed(int device, uint64_t seed) {
  return succeeds([&] {
    check(device);
    at::Generator generator = device_generator(device);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  });
}

bool event_make(int device, dinov3_event *made) {
  return succeeds([&] {
    check(device);
    auto *event = new Event;
    event->device = device;
    *made = event;
  });
}

bool event_record(dinov3_event event) {
  return succeeds([&] {
    auto &it = *static_cast<Event *>(event);
    record(it, it.device);
  });
}

bool event_wait(dinov3_event event) {
  return succeeds([&] { Guard().synchronizeEvent(event); });
}

bool event_elapsed(dinov3_event begin, dinov3_event end, double *milliseconds) {
  const auto between = *static_cast<Event *>(end)->time - *static_cast<Event *>(begin)->time;
  *milliseconds = std::chrono::duration<double, std::milli>(between).count();
  return true;
}

void event_free(dinov3_event event) { delete static_cast<Event *>(event); }

const char *error() { return last_error.c_str(); }

} // namespace

int current_device() { return current; }
void set_current_device(int device) { current = device; }
c10::Allocator *allocator() { return &device_allocator(); }
bool is_pinned(const void *address) { return PinnedAllocator::has(address); }

at::Generator host_generator(int device) {
  static auto *all = new std::array<at::Generator, DEVICES>;
  static std::once_flag once;
  std::call_once(once, [] {
    for (at::Generator &it : *all) {
      it = at::make_generator<at::CPUGeneratorImpl>(c10::detail::getNonDeterministicRandom());
    }
  });
  return all->at(static_cast<size_t>(device));
}

void register_runtime() {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::register_privateuse1_backend("npu");
    c10::SetAllocator(c10::kPrivateUse1, &device_allocator());
    at::RegisterPrivateUse1HooksInterface(new Hooks);
    register_kernels();
  });
}

} // namespace npu

const dinov3_device_1 *npu_device() {
  using namespace npu;
  static const dinov3_device_1 table = {
      sizeof(dinov3_device_1), "npu",        register_device, count_devices, set,           synchronise, memory, reset, seed,
      event_make,              event_record, event_wait,      event_elapsed, event_free,    npu::error,
  };
  return &table;
}
