// Process groups of c10d: a store over TCP and Gloo on top of it. See shim.h.
//
// A collective comes in two parts: a call that starts it and gives a `Work`, and the wait for that. The tensors are held by the
// `Work`, so a caller may drop its own at any time.

#define USE_C10D_GLOO

#include "guard.h"
#include "shim.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <c10/util/Logging.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;
using Gloo = c10::intrusive_ptr<c10d::ProcessGroupGloo>;
using Work = c10::intrusive_ptr<c10d::Work>;

Store &store(dinov3_store pointer) { return *static_cast<Store *>(pointer); }
c10d::ProcessGroupGloo &ranks(dinov3_gloo pointer) { return **static_cast<Gloo *>(pointer); }

bool says(const std::string &message, std::string_view part) { return message.find(part) != std::string::npos; }

// Neither c10d nor Gloo has an exception of its own for a wait that took too long: only the words differ.
bool timed_out(const std::string &message) {
  return says(message, "Timed out waiting") || says(message, "wait timeout after") ||
         says(message, "Operation timed out") || says(message, "has timed out") || says(message, " - timed out ");
}

// Runs `body` and says how it ended; its message is kept when it throws. What c10 throws carries a backtrace, which is left out.
template <typename Body> dinov3_outcome outcome(Body body) {
  try {
    body();
    return DINOV3_DONE;
  } catch (const c10::DistNetworkError &error) {
    last_error = error.what_without_backtrace();
    return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_DISCONNECTED;
  } catch (const c10::Error &error) {
    last_error = error.what_without_backtrace();
  } catch (const gloo::IoException &error) {
    last_error = error.what();
    return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_DISCONNECTED;
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return timed_out(last_error) ? DINOV3_TIMED_OUT : DINOV3_REFUSED;
}

// While ranks look for each other, c10d logs every wait that it takes up again, with a backtrace, and Gloo prints on standard output
// that it has connected. What matters of it is in the errors. Whoever sets TORCH_CPP_LOG_LEVEL gets the log.
class Quiet {
public:
  Quiet() {
    std::lock_guard<std::mutex> lock(mutex);
    if (count++ == 0) {
      output = std::cout.rdbuf(&nowhere);
      level = FLAGS_caffe2_log_level;
      FLAGS_caffe2_log_level = std::getenv("TORCH_CPP_LOG_LEVEL") ? level : c10::GLOG_FATAL;
    }
  }
  ~Quiet() {
    std::lock_guard<std::mutex> lock(mutex);
    if (--count == 0) {
      std::cout.rdbuf(output);
      FLAGS_caffe2_log_level = level;
    }
  }
  Quiet(const Quiet &) = delete;
  Quiet &operator=(const Quiet &) = delete;

private:
  struct Nowhere : std::streambuf {
    int overflow(int character) override { return traits_type::not_eof(character); }
  };
  static inline Nowhere nowhere;
  static inline std::mutex mutex;
  static inline int count = 0, level = 0;
  static inline std::streambuf *output = nullptr;
};

template <typename Body> dinov3_outcome quietly(Body body) {
  const Quiet quiet;
  return outcome(body);
}

// Runs `start`, which returns a `Work`, and hands that over.
template <typename Start> dinov3_outcome started(dinov3_work *work, Start start) {
  return outcome([&] { *work = new Work(start()); });
}

c10d::ReduceOp::RedOpType reduce_op(dinov3_reduce op) {
  switch (op) {
  case DINOV3_SUM:
    return c10d::ReduceOp::SUM;
  case DINOV3_MAX:
    return c10d::ReduceOp::MAX;
  case DINOV3_MIN:
    return c10d::ReduceOp::MIN;
  }
  TORCH_CHECK(false, "no such reduction: ", static_cast<int>(op));
}

std::vector<std::string> one(const char *key) { return {std::string(key)}; }

} // namespace

extern "C" {

dinov3_outcome dinov3_tcp_store(const char *host, uint16_t port, bool serves, int64_t timeout_ms, dinov3_store *made) {
  return quietly([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    // Who is missing is found out by the caller, who can name them.
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout_ms);
    *made = new Store(c10::make_intrusive<c10d::TCPStore>(host, options));
  });
}

dinov3_outcome dinov3_prefix_store(dinov3_store of, const char *prefix, dinov3_store *made) {
  return quietly([&] { *made = new Store(c10::make_intrusive<c10d::PrefixStore>(prefix, store(of))); });
}

dinov3_outcome dinov3_store_set(dinov3_store to, const char *key, const char *value) {
  return quietly([&] {
    const std::string_view text(value);
    store(to)->set(key, std::vector<uint8_t>(text.begin(), text.end()));
  });
}

dinov3_outcome dinov3_store_wait(dinov3_store on, const char *key, int64_t timeout_ms) {
  return quietly([&] { store(on)->wait(one(key), std::chrono::milliseconds(timeout_ms)); });
}

dinov3_outcome dinov3_store_get(dinov3_store from, const char *key, void *context,
                                void (*each)(void *context, const char *value, size_t length)) {
  return quietly([&] {
    const std::vector<uint8_t> value = store(from)->get(key);
    each(context, reinterpret_cast<const char *>(value.data()), value.size());
  });
}

dinov3_outcome dinov3_store_has(dinov3_store in, const char *key, bool *has) {
  return quietly([&] { *has = store(in)->check(one(key)); });
}

void dinov3_store_free(dinov3_store pointer) { delete static_cast<Store *>(pointer); }

dinov3_outcome dinov3_gloo_group(dinov3_store rendezvous, int rank, int size, const char *address, int64_t timeout_ms,
                                 dinov3_gloo *made) {
  return quietly([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout_ms));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    *made = new Gloo(c10::make_intrusive<c10d::ProcessGroupGloo>(store(rendezvous), rank, size, options));
  });
}

void dinov3_gloo_free(dinov3_gloo pointer) { delete static_cast<Gloo *>(pointer); }

dinov3_outcome dinov3_all_reduce(dinov3_gloo group, dinov3_tensor self, dinov3_reduce op, dinov3_work *work) {
  return started(work, [&] {
    c10d::AllreduceOptions options;
    options.reduceOp = reduce_op(op);
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).allreduce(tensors, options);
  });
}

dinov3_outcome dinov3_all_to_all(dinov3_gloo group, dinov3_tensor output, dinov3_tensor input, dinov3_work *work) {
  return started(work, [&] {
    std::vector<int64_t> equal;
    return ranks(group).alltoall_base(tensor(output), tensor(input), equal, equal);
  });
}

dinov3_outcome dinov3_all_gather(dinov3_gloo group, dinov3_tensor output, dinov3_tensor input, dinov3_work *work) {
  return started(work, [&] { return ranks(group)._allgather_base(tensor(output), tensor(input)); });
}

dinov3_outcome dinov3_broadcast(dinov3_gloo group, dinov3_tensor self, int64_t root, dinov3_work *work) {
  return started(work, [&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).broadcast(tensors, options);
  });
}

dinov3_outcome dinov3_barrier(dinov3_gloo group, dinov3_work *work) {
  return started(work, [&] { return ranks(group).barrier(); });
}

dinov3_outcome dinov3_work_wait(dinov3_work work) {
  return outcome([&] { (*static_cast<Work *>(work))->wait(); });
}

void dinov3_work_free(dinov3_work work) { delete static_cast<Work *>(work); }

}
