// The host's kernel of an op, and what is switched on to be wrong with it (faults.h).
#pragma once

#include "bytes.h"
#include "faults.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <cstring>
#include <string>

namespace npu {

// Ten bits of mantissa.
inline float rounded(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000) & ~uint32_t(0x1FFF);
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

template <typename Change> at::Tensor spoiled(const at::Tensor &tensor, const Change &change) {
  if (!tensor.defined() || !tensor.is_cpu() || !at::isFloatingType(tensor.scalar_type())) {
    return tensor;
  }
  at::Tensor values = tensor.to(at::kDouble).contiguous();
  auto *data = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    data[i] = change(data[i]);
  }
  return values.to(tensor.scalar_type());
}

// Does the op with these arguments, and leaves its results in their place.
inline void run_on_host(const c10::OperatorHandle &op, Stack &stack) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const std::string name = op.schema().name();
  if (is_broken("low-precision", name)) {
    for (IValue &value : stack) {
      value = changed(value, [](const at::Tensor &it) {
        return spoiled(it, [](double x) { return double(rounded(static_cast<float>(x))); });
      });
    }
  }
  op.redispatchBoxed(DispatchKeySet(DispatchKey::CPU), &stack);
  const bool flushes = is_broken("flushes", name), wrong = is_broken("wrong", name);
  if (flushes || wrong) {
    for (IValue &value : stack) {
      each_tensor(value, [&](const at::Tensor &it) {
        if (!it.defined()) {
          return;
        }
        const at::Tensor now = spoiled(it, [&](double x) {
          return flushes ? (std::abs(x) < 0x1p-14 ? 0.0 : x) : x * 1.125;
        });
        if (!now.is_same(it)) {
          it.copy_(now);
        }
      });
    }
  }
}

} // namespace npu
