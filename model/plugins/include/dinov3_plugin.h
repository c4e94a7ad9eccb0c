// The interface of plugins. A plugin is a shared library over the harness's libtorch that lends the harness a device, or the backend
// of c10d for a device, that libtorch itself lacks. The library defines `dinov3_plugin`; everything else is found through its table.
//
// `dinov3-plugin-conformance PLUGIN.so` checks a plugin against this header: see model/plugins/README.md.
//
// How the interface grows
// -----------------------
// * The table and every capability begin with their size in bytes, as the plugin's compiler gave it (`sizeof`).
// * A new version of this header only appends members. The harness reads no member beyond a plugin's size, and takes a member that is not
//   there for NULL. A plugin that is newer than the harness has members that the harness does not read.
// * Members of the first version of a table or capability are always there: a smaller size is refused.
// * A member marked "may be NULL" says by NULL that the plugin does not offer the call. The harness then says that the figure or the
//   action is not available; it never replaces the call by another one.
// * `get` is asked for a capability by name and version, such as `c10d/1`, and returns NULL for every name that it does not know. A
//   capability that changes what it has gets a new version and a new name (`c10d/2`); a plugin may offer both. The harness asks for the
//   newest version that it knows, then for older ones.
// * `abi` changes only if these rules themselves change. A plugin with another number is refused.
// * Objects of C++ cross this boundary, so a plugin that was compiled with another `torch` or another `cxx_abi` is refused.
//
// No function throws, and none may end the process. A function that returns false or a number below 0 leaves a text that its table's
// `error` returns. All functions may be called from any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
#include <version>
extern "C" {
#endif

// The number of the rules above. 1 was a table of one backend without a size.
#define DINOV3_PLUGIN_ABI 2

// What objects of the C++ standard library look like to this compiler: whether a `std::string` of the plugin is one of the harness.
#if defined(_LIBCPP_VERSION)
#define DINOV3_PLUGIN_CXX_ABI "libc++"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define DINOV3_PLUGIN_CXX_ABI "libstdc++ cxx11"
#elif defined(__GLIBCXX__)
#define DINOV3_PLUGIN_CXX_ABI "libstdc++ pre-cxx11"
#endif

// The table of a plugin.
typedef struct {
  // DINOV3_PLUGIN_ABI.
  uint32_t abi;
  // sizeof(dinov3_plugin_table).
  uint32_t size;
  // TORCH_VERSION of the libtorch headers that the plugin was compiled with: `2.8.0`.
  const char *torch;
  // DINOV3_PLUGIN_CXX_ABI.
  const char *cxx_abi;
  // The capability of this name and version, which lives as long as the process; NULL for every other name.
  const void *(*get)(const char *capability);
} dinov3_plugin_table;

// Called once, when the plugin is loaded. The table lives as long as the process.
const dinov3_plugin_table *dinov3_plugin(void);

// `c10d/1`: collectives between ranks.
#define DINOV3_C10D_1 "c10d/1"

typedef struct {
  // sizeof(dinov3_c10d_1).
  uint32_t size;
  // The backend multiplies by PREMUL_SUM's factor itself. If false, each rank scales its values and the harness asks for SUM.
  bool premul_sum;
  // The backend's name in reports: `hccl`.
  const char *backend;
  // The type of device that its tensors are on, as libtorch prints it: `npu`; `cpu` for the host's memory. Every type but `cpu` needs
  // `device/1`, which says how many devices there are.
  const char *device;
  // Makes the backend of one rank. `store` is a `c10::intrusive_ptr<c10d::Store> *`, the harness's; `*made` becomes a
  // `new c10::intrusive_ptr<c10d::Backend>`, the harness's from then on. `device` is the index of the rank's device. False: none was made.
  // The harness calls `allreduce`, `_reduce_scatter_base`, `_allgather_base`, `broadcast` and `barrier`, and waits for each. A collective
  // that fails raises from the call or from `Work::wait`; one that a rank does not join raises after `timeout_ms`.
  bool (*make_backend)(void *store, int rank, int size, int device, int64_t timeout_ms, void **made);
  // The text of this thread's last failure, valid until the thread's next call.
  const char *(*error)(void);
  // Whether the backend reduces tensors of this dtype: `float64`, `float32`, `float16`, `bfloat16`, `int64`, `int32`, `int8`, `uint8`, `bool`.
  // What it does not reduce, the harness refuses by name before anything is sent. May be NULL: it reduces all of them.
  bool (*reduces)(const char *dtype);
} dinov3_c10d_1;

// `device/1`: a type of device.
#define DINOV3_DEVICE_1 "device/1"

// Memory of one device, in bytes.
typedef struct {
  // Held by this process now.
  uint64_t in_use;
  // The most that this process held since it began, or since `reset_peak`.
  uint64_t peak;
  // What the device has.
  uint64_t total;
} dinov3_memory;

// A point in a device's stream of work.
typedef void *dinov3_event;

typedef struct {
  // sizeof(dinov3_device_1).
  uint32_t size;
  // The type of device as libtorch prints it after `register_device`: `npu`.
  const char *kind;
  // Tells libtorch about the type: its name, its guard, its allocator, its kernels. Called once, before any other use of the type.
  bool (*register_device)(void);
  // How many devices this machine has; below 0 where that is not known.
  int (*count)(void);
  // Makes `device` the current one of this thread.
  bool (*set)(int device);
  // Returns when all work queued on `device` has ended.
  bool (*synchronise)(int device);
  // May be NULL.
  bool (*memory)(int device, dinov3_memory *memory);
  // `peak` begins again at `in_use`. May be NULL.
  bool (*reset_peak)(int device);
  // Seeds the generator of `device`: the same seed gives the same values again.
  bool (*seed)(int device, uint64_t seed);
  // Makes an event that times. All five may be NULL, together.
  bool (*event_make)(int device, dinov3_event *made);
  // Puts the event behind all work queued on its device's current stream.
  bool (*event_record)(dinov3_event event);
  // Returns when the device has come to the event.
  bool (*event_wait)(dinov3_event event);
  // The time from `begin` to `end`, both recorded and waited for, in milliseconds.
  bool (*event_elapsed)(dinov3_event begin, dinov3_event end, double *milliseconds);
  void (*event_free)(dinov3_event event);
  // The text of this thread's last failure, valid until the thread's next call.
  const char *(*error)(void);
} dinov3_device_1;

// `doctor/1`: what this machine lacks.
#define DINOV3_DOCTOR_1 "doctor/1"

typedef struct {
  // sizeof(dinov3_doctor_1).
  uint32_t size;
  // Calls `each` for each thing that is missing: what is missing, and how to get it. Not at all where nothing is missing. Both texts are
  // valid during the call. Needs no device: it is asked where devices do not work.
  void (*examine)(void *context, void (*each)(void *context, const char *missing, const char *remedy));
} dinov3_doctor_1;

// `counters/1`: what a device has been asked to do.
#define DINOV3_COUNTERS_1 "counters/1"

typedef struct {
  // sizeof(dinov3_counters_1).
  uint32_t size;
  // Calls `each` for each thing that has happened since the process began, or since `reset`, and how often: `wait for a number`,
  // `copy to the host`, `fallback aten::unfold`. The names are for people; they are valid during the call.
  void (*read)(void *context, void (*each)(void *context, const char *name, uint64_t count));
  // All counts begin again at 0.
  void (*reset)(void);
} dinov3_counters_1;

#ifdef __cplusplus
}
#endif
