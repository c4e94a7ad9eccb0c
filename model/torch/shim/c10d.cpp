// Process groups of c10d: a store over TCP, Gloo on top of it, and the collectives of any backend. See shim.h.
//
// A collective comes in two parts: a call that starts it and gives a `Work`, and the wait for that. The tensors are held by the
// `Work`, so a caller may drop its own at any time.

#define USE_C10D_GLOO

#include "c10d.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Work = c10::intrusive_ptr<c10d::Work>;

c10d::Backend &ranks(dinov3_backend pointer) { return **static_cast<Backend *>(pointer); }

// Runs `start`, which returns a `Work`, and hands that over.
template <typename Start> dinov3_outcome started(dinov3_work *work, Start start) {
  return outcome([&] { *work = new Work(start()); });
}

c10d::ReduceOp reduce_op(dinov3_reduce op, double factor) {
  switch (op) {
  case DINOV3_SUM:
    return c10d::ReduceOp::SUM;
  case DINOV3_MAX:
    return c10d::ReduceOp::MAX;
  case DINOV3_MIN:
    return c10d::ReduceOp::MIN;
  case DINOV3_PREMUL_SUM:
    return c10d::makeNCCLPreMulSum(factor);
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
                                 dinov3_backend *made) {
  return quietly([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout_ms));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    *made = new Backend(c10::make_intrusive<c10d::ProcessGroupGloo>(store(rendezvous), rank, size, options));
  });
}

dinov3_outcome dinov3_plugin_group(dinov3_store rendezvous, int rank, int size, int device, int64_t timeout_ms,
                                   dinov3_make_backend make, bool *has_words, dinov3_backend *made) {
  return quietly([&] {
    *has_words = !make(rendezvous, rank, size, device, timeout_ms, made);
    TORCH_CHECK(!*has_words, "the plugin makes no backend");
    TORCH_CHECK(*made != nullptr, "the plugin says that it has made a backend, and gives none");
  });
}

dinov3_outcome dinov3_backend_abort(dinov3_backend group) {
  return quietly([&] { ranks(group).abort(); });
}

void dinov3_backend_free(dinov3_backend pointer, bool orderly) {
  // What it throws on its way out changes nothing any more.
  (void)quietly([&] {
    const std::unique_ptr<Backend> group(static_cast<Backend *>(pointer));
    if (orderly) {
      (*group)->shutdown();
    }
  });
}

dinov3_outcome dinov3_all_reduce(dinov3_backend group, dinov3_tensor self, dinov3_reduce op, double factor, dinov3_work *work) {
  return started(work, [&] {
    c10d::AllreduceOptions options;
    options.reduceOp = reduce_op(op, factor);
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).allreduce(tensors, options);
  });
}

dinov3_outcome dinov3_reduce_scatter(dinov3_backend group, dinov3_tensor output, dinov3_tensor input, dinov3_reduce op,
                                     double factor, dinov3_work *work) {
  return started(work, [&] {
    c10d::ReduceScatterOptions options;
    options.reduceOp = reduce_op(op, factor);
    return ranks(group)._reduce_scatter_base(tensor(output), tensor(input), options);
  });
}

dinov3_outcome dinov3_send(dinov3_backend group, dinov3_tensor self, int to, int tag, dinov3_work *work) {
  return started(work, [&] {
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).send(tensors, to, tag);
  });
}

dinov3_outcome dinov3_receive(dinov3_backend group, dinov3_tensor self, int from, int tag, dinov3_work *work) {
  return started(work, [&] {
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).recv(tensors, from, tag);
  });
}

dinov3_outcome dinov3_all_gather(dinov3_backend group, dinov3_tensor output, dinov3_tensor input, dinov3_work *work) {
  return started(work, [&] { return ranks(group)._allgather_base(tensor(output), tensor(input)); });
}

dinov3_outcome dinov3_broadcast(dinov3_backend group, dinov3_tensor self, int64_t root, dinov3_work *work) {
  return started(work, [&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> tensors{tensor(self)};
    return ranks(group).broadcast(tensors, options);
  });
}

dinov3_outcome dinov3_barrier(dinov3_backend group, dinov3_work *work) {
  return started(work, [&] { return ranks(group).barrier(); });
}

dinov3_outcome dinov3_work_wait(dinov3_work work) {
  return outcome([&] { (*static_cast<Work *>(work))->wait(); });
}

void dinov3_work_free(dinov3_work work) { delete static_cast<Work *>(work); }

}
