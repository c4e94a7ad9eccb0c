#include "python.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace torch_npu_plugin {
namespace {

// An error crosses in the environment: its text needs no call of Python's C interface.
constexpr const char *SAID = "DINOV3_NPU_PYTHON_ERROR";

// A PyTorch for CUDA counts as a second accelerator while torch_npu is loaded, so it says for that time that it has none. HF32 would round what is compared to ten
// bits of mantissa, and private formats hide a tensor's layout.
constexpr const char *PROGRAM = R"(
import os, sys
try:
    folder = os.environ.get("DINOV3_TORCH_NPU")
    if folder:
        sys.path.insert(0, os.path.dirname(folder))
    import torch
    asked = torch._C._get_accelerator
    torch._C._get_accelerator = lambda *arguments: torch.device("cpu")
    try:
        import torch_npu
    finally:
        torch._C._get_accelerator = asked
    torch.npu.conv.allow_hf32 = False
    torch.npu.matmul.allow_hf32 = False
    torch.npu.config.allow_internal_format = False
except BaseException as error:
    said = str(error).strip().splitlines()
    os.environ["DINOV3_NPU_PYTHON_ERROR"] = type(error).__name__ + ": " + (said[0] if said else "")
)";

template <typename Function> Function symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found == nullptr) {
    throw std::runtime_error(std::string("the Python library has no ") + name);
  }
  return reinterpret_cast<Function>(found);
}

// Python's lock is this thread's again before Python ends with the process.
void *library = nullptr;
void *kept = nullptr;

void take_lock_again() { symbol<void (*)(void *)>(library, "PyEval_RestoreThread")(kept); }

} // namespace

void start_python() {
  const char *named = std::getenv("DINOV3_NPU_PYTHON");
  // Its data is torch_npu's to see.
  library = dlopen(named == nullptr ? "libpython3.11.so.1.0" : named, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    throw std::runtime_error(std::string("Python cannot be loaded: ") + dlerror());
  }
  setenv("TORCH_DEVICE_BACKEND_AUTOLOAD", "0", 1);
  unsetenv(SAID);
  if (symbol<int (*)()>(library, "Py_IsInitialized")() == 0) {
    symbol<void (*)(int)>(library, "Py_InitializeEx")(0);
  }
  const int failed = symbol<int (*)(const char *)>(library, "PyRun_SimpleString")(PROGRAM);
  kept = symbol<void *(*)()>(library, "PyEval_SaveThread")();
  std::atexit(take_lock_again);
  // Python's own `os.environ` writes to the process's.
  const char *said = std::getenv(SAID);
  if (failed != 0 || said != nullptr) {
    throw std::runtime_error(std::string("Python cannot load torch_npu: ") + (said == nullptr ? "its error is above" : said));
  }
}

} // namespace torch_npu_plugin
