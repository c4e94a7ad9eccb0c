#include "memory.h"
#include "faults.h"

#include <c10/util/Exception.h>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace npu {
namespace {

constexpr size_t PAGE = 4096;
constexpr size_t ALIGNMENT = 64;
// Addresses of one device.
constexpr size_t RANGE = size_t(64) << 30;
// Freed blocks from here on give their pages back.
constexpr size_t LARGE = size_t(1) << 20;

size_t up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

uintptr_t reserve() {
  void *range = mmap(nullptr, RANGE * DEVICES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(range != MAP_FAILED, "the simulated NPU gets no addresses from the kernel");
  return reinterpret_cast<uintptr_t>(range);
}

struct Block {
  // From the beginning of its first page to the page that may not be touched.
  uintptr_t begin;
  size_t span;
};

struct Device {
  size_t used_addresses = 0;
  // By their span.
  std::map<size_t, std::vector<uintptr_t>> free;
  Figures figures{0, 0, setting("DINOV3_SIMULATED_NPU_MEMORY", uint64_t(16) << 30)};
};

struct Memory {
  const uintptr_t addresses = reserve(), bytes = reserve();
  std::mutex mutex;
  std::array<Device, DEVICES> devices;
  std::unordered_map<uintptr_t, Block> blocks;
  uint64_t allocations = 0;

  static Memory &instance() {
    // Never destroyed: tensors in other static objects may outlive it.
    static Memory *memory = new Memory;
    return *memory;
  }

  int device_of(uintptr_t address) const { return static_cast<int>((address - addresses) / RANGE); }
};

void refuse(const Device &device, int index, size_t bytes) {
  C10_THROW_ERROR(OutOfMemoryError, "NPU out of memory. Tried to allocate " + std::to_string(bytes) + " bytes (NPU " +
                                        std::to_string(index) + "; " + std::to_string(device.figures.total) +
                                        " bytes total capacity; " + std::to_string(device.figures.in_use) +
                                        " bytes already allocated)");
}

} // namespace

void *allocate(int index, size_t bytes) {
  if (bytes == 0) {
    return nullptr;
  }
  Memory &memory = Memory::instance();
  const std::lock_guard<std::mutex> lock(memory.mutex);
  Device &device = memory.devices.at(static_cast<size_t>(index));
  const size_t rounded = up(bytes, ALIGNMENT), span = up(rounded, PAGE) + PAGE;
  const bool fails = ++memory.allocations == fault_at("out-of-memory");
  auto &kept = device.free[span];
  const bool has_addresses = !kept.empty() || device.used_addresses + span <= RANGE;
  if (fails || !has_addresses || device.figures.in_use + rounded > device.figures.total) {
    refuse(device, index, bytes);
  }
  uintptr_t begin = memory.addresses + RANGE * static_cast<size_t>(index) + device.used_addresses;
  if (kept.empty()) {
    device.used_addresses += span;
  } else {
    begin = kept.back();
    kept.pop_back();
  }
  void *const there = reinterpret_cast<void *>(begin - memory.addresses + memory.bytes);
  if (mprotect(there, span - PAGE, PROT_READ | PROT_WRITE) != 0) {
    refuse(device, index, bytes);
  }
  std::memset(there, 0xFF, span - PAGE);
  const uintptr_t address = begin + span - PAGE - rounded;
  memory.blocks.emplace(address, Block{begin, span});
  device.figures.in_use += rounded;
  device.figures.peak = std::max(device.figures.peak, device.figures.in_use);
  return reinterpret_cast<void *>(address);
}

int device_of(const void *address) { return Memory::instance().device_of(reinterpret_cast<uintptr_t>(address)); }

void forget(void *pointer) {
  Memory &memory = Memory::instance();
  const std::lock_guard<std::mutex> lock(memory.mutex);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const Block &block = memory.blocks.at(address);
  memory.devices[static_cast<size_t>(memory.device_of(address))].figures.in_use -= block.begin + block.span - PAGE - address;
}

void release(void *pointer) {
  Memory &memory = Memory::instance();
  const std::lock_guard<std::mutex> lock(memory.mutex);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const Block block = memory.blocks.at(address);
  memory.blocks.erase(address);
  Device &device = memory.devices[static_cast<size_t>(memory.device_of(address))];
  void *const there = reinterpret_cast<void *>(block.begin - memory.addresses + memory.bytes);
  if (block.span >= LARGE) {
    madvise(there, block.span - PAGE, MADV_DONTNEED);
  }
  // A refusal costs a check, nothing else.
  mprotect(there, block.span - PAGE, PROT_NONE);
  device.free[block.span].push_back(block.begin);
}

void *host_of(const void *address) {
  const Memory &memory = Memory::instance();
  return address == nullptr ? nullptr
                            : reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(address) - memory.addresses + memory.bytes);
}

Figures figures(int index) {
  Memory &memory = Memory::instance();
  const std::lock_guard<std::mutex> lock(memory.mutex);
  return memory.devices.at(static_cast<size_t>(index)).figures;
}

void reset_peak(int index) {
  Memory &memory = Memory::instance();
  const std::lock_guard<std::mutex> lock(memory.mutex);
  Figures &figures = memory.devices.at(static_cast<size_t>(index)).figures;
  figures.peak = figures.in_use;
}

} // namespace npu
