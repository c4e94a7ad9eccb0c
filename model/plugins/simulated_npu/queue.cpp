#include "queue.h"
#include "faults.h"
#include "memory.h"

#include <c10/util/Exception.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace npu {
namespace {

// So much work at most waits for somebody to wait for it: what it holds is memory.
constexpr size_t LONGEST = 2048;

constexpr const char *GIVE_BACK = "memory given back";

struct Work {
  std::string what;
  std::function<void()> run;
};

struct Queue {
  // Held while work runs, so that two threads that wait do not change its order.
  std::recursive_mutex running;
  std::mutex mutex;
  std::deque<Work> waiting;
  uint64_t enqueued = 0;
  std::atomic<uint64_t> done{0};

  bool take(Work &next) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (waiting.empty()) {
      return false;
    }
    next = std::move(waiting.front());
    waiting.pop_front();
    return true;
  }

  // What a failed device had to do is not done, but for giving memory back.
  void drop() {
    std::deque<Work> dropped;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      dropped.swap(waiting);
      done = enqueued;
    }
    for (Work &work : dropped) {
      if (work.what == GIVE_BACK) {
        work.run();
      }
    }
  }
};

Queue &queue(int device) {
  static auto *queues = new std::array<Queue, DEVICES>;
  return queues->at(static_cast<size_t>(device));
}

std::mutex &counters_mutex() {
  static auto *mutex = new std::mutex;
  return *mutex;
}

std::map<std::string, uint64_t> &counters() {
  static auto *counters = new std::map<std::string, uint64_t>;
  return *counters;
}

// A kernel that does not end is given up, as a runtime does after its time limit.
void hang_if_broken(const std::string &what) {
  static std::atomic<uint64_t> ran{0};
  static const uint64_t at = fault_at("hangs");
  if (++ran == at) {
    const uint64_t patience = setting("DINOV3_SIMULATED_NPU_PATIENCE", 5000);
    std::this_thread::sleep_for(std::chrono::milliseconds(patience));
    TORCH_CHECK(false, "the NPU does not answer: ", what, " has not ended after ", patience, " ms");
  }
}

} // namespace

void count(const std::string &what) {
  const std::lock_guard<std::mutex> lock(counters_mutex());
  ++counters()[what];
}

void each_counter(void *context, void (*each)(void *context, const char *name, uint64_t count)) {
  const std::lock_guard<std::mutex> lock(counters_mutex());
  for (const auto &[name, count] : counters()) {
    each(context, name.c_str(), count);
  }
}

void reset_counters() {
  const std::lock_guard<std::mutex> lock(counters_mutex());
  counters().clear();
}

void enqueue(int device, std::string what, std::function<void()> work) {
  Queue &of = queue(device);
  const std::lock_guard<std::mutex> lock(of.mutex);
  of.waiting.push_back({std::move(what), std::move(work)});
  ++of.enqueued;
}

void drain_if_long(int device) {
  Queue &of = queue(device);
  bool is_long = false;
  {
    const std::lock_guard<std::mutex> lock(of.mutex);
    is_long = of.waiting.size() > LONGEST;
  }
  if (is_long) {
    drain(device);
  }
}

void drain_to(int device, uint64_t number) {
  Queue &of = queue(device);
  const std::lock_guard<std::recursive_mutex> lock(of.running);
  Work next;
  while (of.done < number && of.take(next)) {
    try {
      if (next.what != GIVE_BACK) {
        hang_if_broken(next.what);
      }
      next.run();
    } catch (...) {
      of.drop();
      throw;
    }
    ++of.done;
    next = {};
  }
}

void drain(int device) { drain_to(device, UINT64_MAX); }

void give_back(int device, void *address) {
  if (done(device) < enqueued(device)) {
    enqueue(device, GIVE_BACK, [address] { release(address); });
  } else {
    release(address);
  }
}

uint64_t enqueued(int device) {
  Queue &of = queue(device);
  const std::lock_guard<std::mutex> lock(of.mutex);
  return of.enqueued;
}

uint64_t done(int device) { return queue(device).done; }

} // namespace npu
