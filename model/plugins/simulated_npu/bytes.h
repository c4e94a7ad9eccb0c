// Tensors of a device as the host's kernels see them, and values that may hold tensors.
#pragma once

#include "memory.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <c10/core/CPUAllocator.h>

#include <optional>
#include <utility>
#include <vector>

namespace npu {

using c10::DispatchKey;
using c10::DispatchKeySet;
using c10::IValue;
using torch::jit::Stack;

// The storages of one call, of the device and as the host's kernel sees them.
class Bytes {
public:
  // A tensor of the host over the bytes of `tensor`, which is on a device.
  at::Tensor on_host(const at::Tensor &tensor) {
    const auto dispatch = DispatchKeySet(DispatchKey::CPU);
    at::Tensor here = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(host_storage(tensor.storage())), dispatch, tensor.dtype());
    here.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    return here;
  }

  // The device's storage of a tensor that a kernel of the host returned; none where the kernel made a new one.
  std::optional<c10::Storage> device_storage(const at::Tensor &here) const {
    for (const auto &[device, host] : pairs) {
      if (host.get() == here.storage().unsafeGetStorageImpl()) {
        return device;
      }
    }
    return std::nullopt;
  }

private:
  c10::intrusive_ptr<c10::StorageImpl> host_storage(const c10::Storage &device) {
    for (const auto &[known, host] : pairs) {
      if (known.unsafeGetStorageImpl() == device.unsafeGetStorageImpl()) {
        return host;
      }
    }
    c10::DataPtr bytes(host_of(device.data()), c10::Device(c10::kCPU));
    auto host = c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(), device.nbytes(), std::move(bytes),
                                                      c10::GetCPUAllocator(), /*resizable=*/true);
    pairs.emplace_back(device, host);
    return host;
  }

  std::vector<std::pair<c10::Storage, c10::intrusive_ptr<c10::StorageImpl>>> pairs;
};

inline bool is_of_a_device(const at::Tensor &tensor) { return tensor.defined() && tensor.is_privateuseone(); }

// The bytes of a tensor, of the host or of a device, as a tensor of the host.
inline at::Tensor seen(const at::Tensor &tensor, Bytes &bytes) { return is_of_a_device(tensor) ? bytes.on_host(tensor) : tensor; }

// `value` with `change` done to each tensor in it.
template <typename Change> IValue changed(const IValue &value, const Change &change) {
  if (value.isTensor()) {
    return change(value.toTensor());
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> all;
    for (const at::Tensor &tensor : value.toTensorVector()) {
      all.push_back(change(tensor));
    }
    return all;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> all;
    for (const std::optional<at::Tensor> &tensor : value.toOptionalTensorVector()) {
      all.push_back(tensor ? std::optional(change(*tensor)) : std::nullopt);
    }
    return all;
  }
  return value;
}

template <typename See> void each_tensor(const IValue &value, const See &see) {
  changed(value, [&](const at::Tensor &tensor) {
    see(tensor);
    return tensor;
  });
}

inline size_t bytes_of(const at::Tensor &tensor) {
  return at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.itemsize());
}

} // namespace npu
