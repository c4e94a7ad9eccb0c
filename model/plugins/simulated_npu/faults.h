// What can be wrong with the simulated NPU, by the name that DINOV3_SIMULATED_NPU_FAULT has. `NAME=VALUE` gives a fault its op or number.
//
// Kernels, each of one op by name (`aten::gelu`):
//   low-precision=OP    the op rounds its inputs to ten bits of mantissa, as HF32 does (a convolution's default on a 910B)
//   flushes=OP          results below the normal range of float16 become zero, as in a kernel that computes in float16
//   wrong=OP            each result is larger by an eighth
// The backend:
//   factor-ignored      PREMUL_SUM does not raise, and is SUM
//   premul-in-place     PREMUL_SUM does not raise: the caller's input is multiplied in place, then summed (torch_npu 2.8.0.post4)
//   premul              PREMUL_SUM does not raise, and is right: a sound backend that has it
// The device:
//   lost-sync           a copy to the host does not wait for the work before it
//   out-of-memory=N     the N-th allocation fails
//   hangs=N             the N-th kernel does not end, and is given up after DINOV3_SIMULATED_NPU_PATIENCE ms
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace npu {

// The value of this fault, empty for one without; none where it is not switched on.
inline std::optional<std::string_view> fault(std::string_view name) {
  static const char *const named = std::getenv("DINOV3_SIMULATED_NPU_FAULT");
  if (named == nullptr) {
    return std::nullopt;
  }
  const std::string_view given(named);
  if (given == name) {
    return std::string_view();
  }
  const bool has_value = given.size() > name.size() && given.substr(0, name.size()) == name && given[name.size()] == '=';
  return has_value ? std::optional(given.substr(name.size() + 1)) : std::nullopt;
}

// The number of this fault; 0 where it is not switched on.
inline uint64_t fault_at(std::string_view name) {
  const auto value = fault(name);
  return value ? std::strtoull(std::string(*value).c_str(), nullptr, 10) : 0;
}

// Whether this fault is switched on for this op.
inline bool is_broken(std::string_view name, std::string_view op) {
  const auto value = fault(name);
  return value && *value == op;
}

// A number of the environment, or `otherwise`.
inline uint64_t setting(const char *name, uint64_t otherwise) {
  const char *given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

} // namespace npu
