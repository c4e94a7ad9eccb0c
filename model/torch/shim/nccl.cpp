// NCCL, and what CUDA counts and knows of its devices, where libtorch has CUDA and CUDA's headers were found: see build.rs, which says why
// they are missing where they are.

#include "c10d.h"

#ifndef DINOV3_NO_NCCL
#define USE_C10D_NCCL
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>

namespace {

// Counts what libtorch would warn of, which is each call that waits for the device, and hands on every other warning.
class Waits final : public c10::WarningHandler {
public:
  void process(const c10::Warning &warning) override {
    if (warning.msg().find("synchronizing CUDA operation") == std::string::npos) {
      c10::WarningHandler::process(warning);
    } else {
      ++count;
    }
  }
  std::atomic<int64_t> count{0};
};

Waits waits;

}  // namespace
#endif

extern "C" {

#ifdef DINOV3_NO_NCCL

const char *dinov3_nccl_missing() { return DINOV3_NO_NCCL; }

dinov3_outcome dinov3_nccl_group(dinov3_store, int, int, int, int64_t, dinov3_backend *) {
  return outcome([] { TORCH_CHECK(false, DINOV3_NO_NCCL); });
}

bool dinov3_cuda_memory(int, int64_t *, int64_t *) { return false; }

bool dinov3_cuda_count_waits(bool) { return false; }

int64_t dinov3_cuda_waits() { return 0; }

const char *dinov3_cuda_bus(int) { return nullptr; }

#else

const char *dinov3_nccl_missing() { return nullptr; }

dinov3_outcome dinov3_nccl_group(dinov3_store rendezvous, int rank, int size, int device, int64_t timeout_ms,
                                 dinov3_backend *made) {
  return quietly([&] {
    // A failure is to be an error of the wait that it is found in, which names who is to blame. By default a wait returns at once, and a
    // thread of c10d's ends the process later. Whoever sets these decides otherwise.
    setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);
    setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", 0);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::milliseconds(timeout_ms);
    auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(store(rendezvous), rank, size, options);
    // Else a barrier guesses the device from the rank.
    group->setBoundDeviceId(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device)));
    *made = new Backend(group);
  });
}

bool dinov3_cuda_memory(int device, int64_t *allocated, int64_t *most) {
  return succeeds([&] {
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
    const auto &bytes = stats.allocated_bytes[0];  // over all pools
    *allocated = bytes.current;
    *most = bytes.peak;
  });
}

bool dinov3_cuda_count_waits(bool on) {
  return succeeds([&] {
    using c10::cuda::SyncDebugMode;
    waits.count = 0;
    // A warning of a thread of backward is said again on the thread that called for it.
    c10::WarningUtils::set_warning_handler(on ? &waits : nullptr);
    c10::cuda::warning_state().set_sync_debug_mode(on ? SyncDebugMode::L_WARN : SyncDebugMode::L_DISABLED);
  });
}

int64_t dinov3_cuda_waits() { return waits.count; }

const char *dinov3_cuda_bus(int device) {
  static thread_local std::string bus;
  const auto found = succeeds([&] {
    const auto *card = at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(device));
    char text[32];
    std::snprintf(text, sizeof text, "%08x:%02x:%02x.0", static_cast<unsigned>(card->pciDomainID),
                  static_cast<unsigned>(card->pciBusID), static_cast<unsigned>(card->pciDeviceID));
    bus = text;
  });
  return found ? bus.c_str() : nullptr;
}

#endif

}
