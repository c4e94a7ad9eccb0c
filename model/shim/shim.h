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

// `torch.backends.cpu.get_cpu_capability()`: the instruction set that ATen dispatches to ("AVX2", "AVX512", "DEFAULT").
// The pointer lives as long as the process.
const char *dinov3_cpu_capability();

// `TORCH_VERSION` of the headers that the shim was compiled with. The pointer lives as long as the process.
const char *dinov3_torch_version();

}
