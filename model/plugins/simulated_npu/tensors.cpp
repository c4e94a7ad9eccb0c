// Ops of simulated NPUs that are about memory and compute nothing: they make tensors, give them other memory, and copy them.

#include "bytes.h"
#include "faults.h"
#include "memory.h"
#include "queue.h"
#include "runtime.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <cstring>
#include <utility>

namespace npu {
namespace {

at::Tensor empty_memory_format(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                               std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const CurrentDevice current(device);
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), allocator(), DispatchKeySet(DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const CurrentDevice current(device);
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), allocator(),
                                           DispatchKeySet(DispatchKey::PrivateUse1), c10::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor &from, const at::Tensor &to, bool non_blocking) {
  const bool leaves = !is_of_a_device(to), comes = !is_of_a_device(from);
  const int device = (leaves ? from : to).device().index();
  count(comes ? "copy to the device" : leaves ? "copy to the host" : "copy on the device");
  // Memory that is not page-locked is read before the call returns, for which the host waits until the device has come to it.
  Bytes bytes;
  const bool reads_now = comes && !(non_blocking && is_pinned(from.storage().data()));
  const at::Tensor source = reads_now ? from.clone() : seen(from, bytes);
  if (reads_now) {
    count("wait for a copy to the device");
  }
  enqueue(device, "a copy", [source, there = seen(to, bytes)] {
    const at::AutoDispatchBelowADInplaceOrView guard;
    there.copy_(source);
  });
  drain_if_long(device);
  if (leaves && fault("lost-sync")) {
    // What has not come yet is nothing that the host knows from before.
    std::memset(to.storage().mutable_data(), 0xFF, to.storage().nbytes());
  } else if (leaves && !non_blocking) {
    count("wait for a copy to the host");
    drain(device);
  }
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor &from, const at::Tensor &to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar local_scalar_dense(const at::Tensor &self) {
  count("wait for a number");
  drain(self.device().index());
  Bytes bytes;
  return bytes.on_host(self).item();
}

void resize_bytes(c10::StorageImpl *storage, size_t bytes) {
  if (bytes <= storage->nbytes()) {
    return;
  }
  const int device = storage->device().index();
  drain(device);
  const CurrentDevice current(storage->device());
  c10::DataPtr fresh = storage->allocator()->allocate(bytes);
  if (storage->nbytes() > 0) {
    std::memcpy(host_of(fresh.get()), host_of(storage->data()), storage->nbytes());
  }
  storage->set_data_ptr_noswap(std::move(fresh));
  storage->set_nbytes(bytes);
}

const at::Tensor &resize(const at::Tensor &self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat>) {
  const auto sizes = C10_AS_INTARRAYREF_SLOW(size);
  self.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  resize_bytes(self.storage().unsafeGetStorageImpl(), bytes_of(self) + static_cast<size_t>(self.storage_offset()) * self.itemsize());
  return self;
}

at::Tensor &set_storage(at::Tensor &self, at::Storage source, c10::SymInt offset, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
  c10::TensorImpl *impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(source));
  impl->set_sizes_and_strides(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), offset.expect_int());
  return self;
}

void record_stream(at::Tensor &, c10::Stream) {}

} // namespace

void register_memory_ops(torch::Library &all) {
  all.impl("empty.memory_format", TORCH_FN(empty_memory_format));
  all.impl("empty_strided", TORCH_FN(npu::empty_strided));
  all.impl("_copy_from", TORCH_FN(copy_from));
  all.impl("_copy_from_and_resize", TORCH_FN(copy_from_and_resize));
  all.impl("_local_scalar_dense", TORCH_FN(local_scalar_dense));
  all.impl("resize_", TORCH_FN(resize));
  all.impl("set_.source_Storage_storage_offset", TORCH_FN(set_storage));
  all.impl("record_stream", TORCH_FN(record_stream));
}

} // namespace npu
