// C++ exceptions into error values; see shim.h.
#pragma once

#include "shim.h"

#include <ATen/core/Tensor.h>

#include <exception>
#include <string>

// What the last failing call on this thread said.
extern thread_local std::string last_error;

inline at::Tensor &tensor(dinov3_tensor pointer) { return *static_cast<at::Tensor *>(pointer); }

// Runs `body`; false, and its message kept, when it throws.
template <typename Body> bool succeeds(Body body) {
  try {
    body();
    return true;
  } catch (const std::exception &error) {
    last_error = error.what();
  } catch (...) {
    last_error = "an exception that is not a std::exception";
  }
  return false;
}

// Runs `body`, which returns an `at::Tensor`, and hands the result over to the caller.
template <typename Body> dinov3_tensor guarded(Body body) {
  dinov3_tensor result = nullptr;
  succeeds([&] { result = new at::Tensor(body()); });
  return result;
}
