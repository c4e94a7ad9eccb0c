// Host memory for tensors that stays with the process.
//
// A training step allocates and frees the same sizes every time. glibc gives large blocks back to the kernel at each free, and
// the kernel zeroes fresh pages at each first touch: a good part of a step on the CPU. Here freed blocks are kept and handed out
// again, large ones on huge pages. What is kept never takes the process above the most that was in use at one time, plus
// `SLACK`: the peak is the one that a perfect allocator would have.
#include "shim.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace {

constexpr size_t ALIGNMENT = 64;
constexpr size_t HUGE_PAGE = size_t(2) << 20;
// From here on a block is mapped by itself.
constexpr size_t LARGE = size_t(1) << 20;
// Blocks of one size do not serve another's, so a little more than was ever in use is kept: less than what a Python interpreter
// with its libraries takes before it has computed anything.
constexpr size_t SLACK = size_t(512) << 20;

// What stands before each block.
struct alignas(ALIGNMENT) Header {
  // Bytes of the block with its header; for a large one, of the whole mapping.
  size_t bytes;
  // Where the mapping of a large block starts.
  void *mapping;
};

class Pool final : public c10::Allocator {
public:
  c10::DataPtr allocate(size_t n) override {
    if (n == 0) {
      return {nullptr, nullptr, &release, c10::Device(c10::DeviceType::CPU)};
    }
    void *data = take(n) + 1;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *to, const void *from, size_t n) const override { std::memcpy(to, from, n); }

  static Pool &instance() {
    // Never destroyed: tensors in other static objects may outlive it.
    static Pool *pool = new Pool;
    return *pool;
  }

private:
  Header *take(size_t n) {
    const size_t bytes = rounded(n + sizeof(Header));
    const std::lock_guard<std::mutex> lock(mutex_);
    Header *header = bytes < LARGE ? take_small(bytes) : take_large(bytes);
    in_use_ += header->bytes;
    most_in_use_ = std::max(most_in_use_, in_use_);
    return header;
  }

  Header *take_small(size_t bytes) {
    auto &kept = small_[size_class(bytes)];
    if (!kept.empty()) {
      Header *header = kept.back();
      kept.pop_back();
      kept_ -= header->bytes;
      return header;
    }
    make_room(bytes);
    void *memory = nullptr;
    if (posix_memalign(&memory, ALIGNMENT, bytes) != 0) {
      throw std::bad_alloc();
    }
    return new (memory) Header{bytes, nullptr};
  }

  Header *take_large(size_t bytes) {
    // The closest fit, unless it wastes more than an eighth.
    const auto found = large_.lower_bound(bytes);
    if (found != large_.end() && found->first <= bytes + bytes / 8) {
      Header *header = found->second;
      large_.erase(found);
      kept_ -= header->bytes;
      return header;
    }
    make_room(bytes);
    return map(bytes);
  }

  static Header *map(size_t bytes) {
    // A little more, so that the block can start on a huge page; what is never touched costs nothing.
    const size_t mapped = bytes + HUGE_PAGE;
    void *mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
      throw std::bad_alloc();
    }
    const auto address = reinterpret_cast<uintptr_t>(mapping);
    auto *start = reinterpret_cast<void *>((address + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    // Whole huge pages alone: a part of one would be touched, and counted, in full. A refusal costs speed, nothing else.
    madvise(start, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return new (start) Header{bytes, mapping};
  }

  // Gives kept blocks back until `bytes` more fit under the most that was ever in use.
  void make_room(size_t bytes) {
    const size_t limit = std::max(most_in_use_, in_use_ + bytes) + SLACK;
    while (in_use_ + kept_ + bytes > limit && !large_.empty()) {
      const auto largest = std::prev(large_.end());
      Header *header = largest->second;
      kept_ -= header->bytes;
      large_.erase(largest);
      munmap(header->mapping, header->bytes + HUGE_PAGE);
    }
  }

  static void release(void *data) {
    if (data == nullptr) {
      return;
    }
    Pool &pool = instance();
    Header *header = static_cast<Header *>(data) - 1;
    const std::lock_guard<std::mutex> lock(pool.mutex_);
    pool.in_use_ -= header->bytes;
    pool.kept_ += header->bytes;
    if (header->mapping == nullptr) {
      pool.small_[size_class(header->bytes)].push_back(header);
    } else {
      pool.large_.emplace(header->bytes, header);
    }
  }

  // Sizes that share a list: eight to a doubling below `LARGE`, so that no more than an eighth is wasted; pages above.
  static size_t rounded(size_t bytes) {
    const size_t step = bytes < LARGE ? step_of(bytes) : 4096;
    return (bytes + step - 1) / step * step;
  }

  static size_t step_of(size_t bytes) {
    size_t step = ALIGNMENT;
    while (bytes > 16 * step) {
      step *= 2;
    }
    return step;
  }

  // `bytes` is rounded already.
  static size_t size_class(size_t bytes) {
    size_t step = ALIGNMENT, index = 0;
    while (bytes > 16 * step) {
      step *= 2;
      index += 16;
    }
    return index + bytes / step;
  }

  std::mutex mutex_;
  std::array<std::vector<Header *>, 256> small_;
  std::multimap<size_t, Header *> large_;
  size_t in_use_ = 0, kept_ = 0, most_in_use_ = 0;
};

} // namespace

extern "C" void dinov3_keep_freed_memory() { c10::SetCPUAllocator(&Pool::instance(), /*priority=*/1); }
