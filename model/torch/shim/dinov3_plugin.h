// What a plugin is: a shared library over the same libtorch that defines `dinov3_plugin`, and through it lends the harness a backend of
// c10d for a device that libtorch itself has none for. All else here is what goes through that table.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Changes when the table below does. A plugin of another number is refused.
#define DINOV3_PLUGIN_ABI 1

// No pointer in it is null, and no function throws.
typedef struct {
  // DINOV3_PLUGIN_ABI.
  uint32_t abi;
  // TORCH_VERSION of the headers that the plugin was compiled with: objects of C++ cross this boundary, so it must be the harness's.
  const char *torch;
  // The backend's name in reports: `hccl`.
  const char *backend;
  // The type of device that its tensors are on, as libtorch prints it: `npu`, or `cpu` for the host's memory.
  const char *device;
  // Whether the backend multiplies by PREMUL_SUM's factor itself. Where not, the harness scales before it sums.
  bool premul_sum;
  // How many devices this machine has; below 0 where `error` says why that is not known. Not asked for `cpu`.
  int (*devices)(void);
  // Makes the backend of one rank. `store` is a `c10::intrusive_ptr<c10d::Store> *`, the harness's; `*made` becomes a
  // `new c10::intrusive_ptr<c10d::Backend>`, the harness's from then on. False where `error` says why there is none.
  // A collective that fails must raise from `Work::wait`, within `timeout_ms`, and may not end the process.
  bool (*make_backend)(void *store, int rank, int size, int device, int64_t timeout_ms, void **made);
  // What the last failing call on this thread said, valid until the next.
  const char *(*error)(void);
} dinov3_plugin_table;

// Called once, when the plugin is loaded. The table lives as long as the process.
const dinov3_plugin_table *dinov3_plugin(void);

#ifdef __cplusplus
}
#endif
