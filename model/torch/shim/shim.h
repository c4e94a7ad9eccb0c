// The calls into libtorch that tch 0.20 lacks, behind a C ABI.
//
// A tensor crosses as `at::Tensor *`, the same pointer that tch's `Tensor::as_ptr` gives. Whoever receives a new
// tensor owns it. No C++ exception crosses: a failing call returns null (or false) and leaves its message in
// thread-local storage, to be taken at once with `dinov3_shim_error`.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// An `at::Tensor *`, opaque to C.
typedef void *dinov3_tensor;

// The message of the last failing call on this thread, valid until the next call on this thread.
const char *dinov3_shim_error();

// `torch.index_add(self, dim, index, source, alpha=alpha)`: out of place.
dinov3_tensor dinov3_index_add(dinov3_tensor self, int64_t dim, dinov3_tensor index, dinov3_tensor source, double alpha);

// `torch.linalg.vector_norm(self, 2, dim=dim, keepdim=True)`.
dinov3_tensor dinov3_l2_norm(dinov3_tensor self, int64_t dim);

// An array of `n` tensors, as the `foreach` ops take them.
typedef const dinov3_tensor *dinov3_tensors;

// `torch._foreach_mul_(self, factor)`. False when libtorch throws.
bool dinov3_foreach_mul_scalar(dinov3_tensors self, size_t n, double factor);

// `torch._foreach_mul_(self, factor)`, the factor a tensor without dimensions. False when libtorch throws.
bool dinov3_foreach_mul_tensor(dinov3_tensors self, size_t n, dinov3_tensor factor);

// `torch._foreach_add_(self, other, alpha=alpha)`. False when libtorch throws.
bool dinov3_foreach_add(dinov3_tensors self, dinov3_tensors other, size_t n, double alpha);

// `torch.stack(torch._foreach_norm(self, 2))`: `[n]`.
dinov3_tensor dinov3_foreach_norm(dinov3_tensors self, size_t n);

// `self.addcmul_(a, b, value=value)` and `self.addcdiv_(a, b, value=value)`. False when libtorch throws.
bool dinov3_addcmul(dinov3_tensor self, dinov3_tensor a, dinov3_tensor b, double value);
bool dinov3_addcdiv(dinov3_tensor self, dinov3_tensor a, dinov3_tensor b, double value);

// The rotation of queries or keys `[B, heads, N, D]`, fp32 or bf16 on the CPU, by bf16 tables `[patches, D]`: what the
// reference's `apply_rope` does to one of them, its gradient included, with the same bits.
dinov3_tensor dinov3_apply_rope(dinov3_tensor x, dinov3_tensor sin, dinov3_tensor cos);

// From now on, freed host memory of tensors is kept and used again. See allocator.cpp.
void dinov3_keep_freed_memory();

// The hyperparameters of one step of AdamW.
typedef struct {
  double lr, beta1, beta2, weight_decay, eps;
} dinov3_adamw;

// `torch._fused_adamw_` without amsgrad, gradient scale or overflow check. `steps` are fp32 tensors without dimensions that
// already count this step. False when libtorch throws.
bool dinov3_fused_adamw(dinov3_tensors params, dinov3_tensors grads, dinov3_tensors exp_avgs,
                        dinov3_tensors exp_avg_sqs, dinov3_tensors steps, size_t n, dinov3_adamw options);

// `self.grad`, after which `self.grad` is None. Null where there is none.
dinov3_tensor dinov3_take_grad(dinov3_tensor self);

// `self.retain_grad()`: the backward pass leaves the gradient of a tensor that is no leaf as well.
bool dinov3_retain_grad(dinov3_tensor self);

// Whether both are handles of one tensor.
bool dinov3_is_same(dinov3_tensor self, dinov3_tensor other);

// What a hook calls: `call(context)`, any number of times, and `drop(context)` once. Neither may throw.
typedef struct {
  void *context;
  void (*call)(void *context);
  void (*drop)(void *context);
} dinov3_closure;

// `leaf.register_post_accumulate_grad_hook(closure)`: called when `leaf.grad` is there, once a backward pass. Takes the closure over, and
// drops it when false.
bool dinov3_after_accumulation(dinov3_tensor leaf, dinov3_closure closure);

// `output.register_hook(closure)`: called before backward goes on from `output`. Takes the closure over, and drops it when false.
bool dinov3_before_backward(dinov3_tensor output, dinov3_closure closure);

// `self.untyped_storage().resize_(0)`: the memory is gone for all tensors that share it, and these stay otherwise as they are.
bool dinov3_release_memory(dinov3_tensor self);
// The memory of a contiguous tensor that fills its storage is there again, its values undefined. No version is counted.
bool dinov3_restore_memory(dinov3_tensor self);

// The device of `self` as text: `cpu`, `cuda:0`, `npu:1`; null where it is undefined. The pointer is valid until the next call on this thread.
const char *dinov3_device(dinov3_tensor self);
// `self.to(device)`; itself where it is there.
dinov3_tensor dinov3_to_device(dinov3_tensor self, const char *device);
// `self.to(device, of_dtype.dtype)`; itself where it is there in that dtype. From the host to CUDA or a plugin's device it goes through page-locked
// memory, and the call does not wait for it.
dinov3_tensor dinov3_place(dinov3_tensor self, const char *device, dinov3_tensor of_dtype);
// `torch.empty(shape, device=device, dtype=of_dtype.dtype)`.
dinov3_tensor dinov3_empty(const int64_t *shape, size_t dimensions, const char *device, dinov3_tensor of_dtype);
// The same on the host, page-locked where `device` is CUDA's or a plugin's, which copies from such memory while the host goes on.
dinov3_tensor dinov3_staging(const int64_t *shape, size_t dimensions, const char *device, dinov3_tensor of_dtype);
// An undefined tensor of the dtype and the device of `self`, of which it has `times` as many rows.
dinov3_tensor dinov3_empty_rows(dinov3_tensor self, int64_t times);

// torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cuda.enable_mem_efficient_sdp; and
// torch.backends.cudnn.benchmark off.
bool dinov3_set_tf32(bool allowed);
// Whether the first two are set.
bool dinov3_tf32();
// torch.cuda.memory_allocated and max_memory_allocated, in bytes; false without a device of CUDA or without CUDA's headers.
bool dinov3_cuda_memory(int device, int64_t *allocated, int64_t *most);
// Counts from 0 the calls of this thread, and of its backward passes, in which the host waits for CUDA, as
// torch.cuda.set_sync_debug_mode("warn") warns of them; or counts no longer. False without CUDA's headers.
bool dinov3_cuda_count_waits(bool on);
int64_t dinov3_cuda_waits();
// Where a device of CUDA is on the bus, as NVIDIA's tools name it: `00000000:1b:00.0`; null where it is not known. The pointer is valid until
// the next call on this thread.
const char *dinov3_cuda_bus(int device);

// `torch.get_rng_state()`: the state of the host's generator, `[5056]` uint8.
dinov3_tensor dinov3_rng_state();

// `torch.set_rng_state(state)`. False when `state` is none.
bool dinov3_set_rng_state(dinov3_tensor state);

// `torch.backends.cpu.get_cpu_capability()`: the instruction set that ATen dispatches to ("AVX2", "AVX512", "DEFAULT").
// The pointer lives as long as the process.
const char *dinov3_cpu_capability();

// Whether MKL has asked whose processor this is and was told that it is Intel's; see mkl.cpp. False before its first call.
bool dinov3_mkl_takes_intels_kernels();

// Whether MKL's vector functions have asked mkl.cpp for the kind of processor. False before the first of them.
bool dinov3_mkl_vectors_ask_one_at_a_time();

// `TORCH_VERSION` of the headers that the shim was compiled with. The pointer lives as long as the process.
const char *dinov3_torch_version();

// DINOV3_PLUGIN_CXX_ABI of the shim: see dinov3_plugin.h. The pointer lives as long as the process.
const char *dinov3_cxx_abi();

// How a call into c10d ended. All but the first leave a message; see c10d.cpp.
typedef enum {
  DINOV3_DONE = 0,
  // Nothing came for as long as the caller had allowed.
  DINOV3_TIMED_OUT = 1,
  // A connection could not be made, or broke.
  DINOV3_DISCONNECTED = 2,
  // Anything else that it does not do.
  DINOV3_REFUSED = 3,
} dinov3_outcome;

// A `c10d::Store`, a `c10d::Backend` (the ranks, connected), a `c10d::Work`: the caller's, who frees each. Tensors are contiguous, and on
// the device that the backend is for.
typedef void *dinov3_store;
typedef void *dinov3_backend;
typedef void *dinov3_work;

// `TCPStore(host, port, is_master=serves)`. Does not wait for other ranks; a client tries for `timeout_ms` to reach the server.
dinov3_outcome dinov3_tcp_store(const char *host, uint16_t port, bool serves, int64_t timeout_ms, dinov3_store *made);
// `PrefixStore(prefix, of)`.
dinov3_outcome dinov3_prefix_store(dinov3_store of, const char *prefix, dinov3_store *made);
dinov3_outcome dinov3_store_set(dinov3_store to, const char *key, const char *value);
dinov3_outcome dinov3_store_wait(dinov3_store on, const char *key, int64_t timeout_ms);
// `each` gets the value, once.
dinov3_outcome dinov3_store_get(dinov3_store from, const char *key, void *context,
                                void (*each)(void *context, const char *value, size_t length));
dinov3_outcome dinov3_store_has(dinov3_store in, const char *key, bool *has);
void dinov3_store_free(dinov3_store store);

// `ProcessGroupGloo(rendezvous, rank, size)` on a device at `address`, one of this machine's. `timeout_ms` is for connecting and for
// each collective.
dinov3_outcome dinov3_gloo_group(dinov3_store rendezvous, int rank, int size, const char *address, int64_t timeout_ms,
                                 dinov3_backend *made);

// `ProcessGroupNCCL(rendezvous, rank, size)` on the CUDA device of this index.
dinov3_outcome dinov3_nccl_group(dinov3_store rendezvous, int rank, int size, int device, int64_t timeout_ms,
                                 dinov3_backend *made);
// Why there is no NCCL in this build; null where there is. The pointer lives as long as the process.
const char *dinov3_nccl_missing();

// What makes a plugin's backend: see dinov3_plugin.h, whose table it is from.
typedef bool (*dinov3_make_backend)(void *store, int rank, int size, int device, int64_t timeout_ms, void **made);
// Lets it make one. `has_words`: it makes none, and the plugin itself says why.
dinov3_outcome dinov3_plugin_group(dinov3_store rendezvous, int rank, int size, int device, int64_t timeout_ms,
                                   dinov3_make_backend make, bool *has_words, dinov3_backend *made);

// Gives up whatever is under way, where the backend can.
dinov3_outcome dinov3_backend_abort(dinov3_backend group);
// Ends the group; `orderly`: once all that is under way has ended.
void dinov3_backend_free(dinov3_backend group, bool orderly);

// What a backend reduces by. Gloo has no PREMUL_SUM: it raises in `allreduce`, and ignores every op but SUM in `_reduce_scatter_base`.
typedef enum { DINOV3_SUM = 0, DINOV3_MAX = 1, DINOV3_MIN = 2, DINOV3_PREMUL_SUM = 3 } dinov3_reduce;

// Each starts a collective, to be waited for. In place where there is one tensor. In the others the flat tensor of all ranks is `size`
// times as long as that of one. `factor` is PREMUL_SUM's.
dinov3_outcome dinov3_all_reduce(dinov3_backend group, dinov3_tensor self, dinov3_reduce op, double factor, dinov3_work *work);
dinov3_outcome dinov3_reduce_scatter(dinov3_backend group, dinov3_tensor output, dinov3_tensor input, dinov3_reduce op,
                                     double factor, dinov3_work *work);
// Of two ranks one sends and the other receives, under the same tag. Freed before its end, it does not end.
dinov3_outcome dinov3_send(dinov3_backend group, dinov3_tensor self, int to, int tag, dinov3_work *work);
dinov3_outcome dinov3_receive(dinov3_backend group, dinov3_tensor self, int from, int tag, dinov3_work *work);
dinov3_outcome dinov3_all_gather(dinov3_backend group, dinov3_tensor output, dinov3_tensor input, dinov3_work *work);
dinov3_outcome dinov3_broadcast(dinov3_backend group, dinov3_tensor self, int64_t root, dinov3_work *work);
dinov3_outcome dinov3_barrier(dinov3_backend group, dinov3_work *work);

dinov3_outcome dinov3_work_wait(dinov3_work work);
// The collective goes on if it has not ended, and keeps its tensors.
void dinov3_work_free(dinov3_work work);

}
