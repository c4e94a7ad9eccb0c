#include "missing.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace torch_npu_plugin {
namespace {

namespace fs = std::filesystem;

// The PyTorch that the harness was built with.
constexpr const char *TORCH = "2.8.0";

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_there(const fs::path &path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Why the loader refuses a library; empty where it does not.
std::string refusal(const std::string &library) {
  void *handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) {
    return "";
  }
  const char *why = dlerror();
  return why == nullptr ? "the loader does not say why" : why;
}

// The value of a line `key=value` or `key = 'value'` of a file; empty where there is none.
std::string value_in(const fs::path &file, const std::string &key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos || line.compare(0, key.size(), key) != 0) {
      continue;
    }
    std::string value = line.substr(equals + 1);
    const auto kept = [](char c) { return std::strchr(" '\"[]\t\r", c) == nullptr; };
    std::string stripped;
    for (const char c : value) {
      if (kept(c)) {
        stripped += c;
      }
    }
    return stripped;
  }
  return "";
}

// The CANN that a torch_npu of this version was released with.
std::string cann_of(const std::string &version) {
  if (version == "2.8.0" || version == "2.8.0.post1") {
    return "8.3";
  }
  return version == "2.8.0.post2" || version == "2.8.0.post3" ? "8.5" : "9.0";
}

// The version of the CANN at `home`, such as `8.3.RC1`; empty where it says none.
std::string cann_at(const fs::path &home) {
  for (const char *machine : {"x86_64-linux", "aarch64-linux"}) {
    if (const std::string found = value_in(home / machine / "ascend_toolkit_install.info", "version"); !found.empty()) {
      return found;
    }
  }
  // `[7.6.0.1.220:8.0.0]` has the release behind the colon.
  const std::string found = value_in(home / "version.cfg", "runtime_running_version");
  return found.substr(found.rfind(':') + 1);
}

bool wants_python() {
#ifdef DINOV3_TORCH_NPU_WHEEL
  return true;
#else
  return false;
#endif
}

std::string python_library() {
  const std::string named = variable("DINOV3_NPU_PYTHON");
  return named.empty() ? "libpython3.11.so.1.0" : named;
}

void examine_torch_npu(const Each &each) {
  const std::string found = version();
  if (found.empty()) {
    each("torch_npu is not installed: no folder of PYTHONPATH, and none that DINOV3_TORCH_NPU names, has torch_npu/version.py",
         "install it beside PyTorch with `pip install torch_npu==2.8.0`, and set DINOV3_TORCH_NPU to its folder");
  } else if (found.compare(0, std::strlen(TORCH), TORCH) != 0) {
    each("torch_npu " + found + " is for another PyTorch than " + TORCH, std::string("install the one for it: `pip install torch_npu==") + TORCH + "`");
  }
}

void examine_python(const Each &each) {
  if (const std::string why = wants_python() ? refusal(python_library()) : ""; !why.empty()) {
    each("torch_npu's wheel needs a Python in the process, and its library is not found: " + why,
         "install a Python 3.11 that has a shared library (`--enable-shared`, or the package libpython3.11), and add its folder to "
         "LD_LIBRARY_PATH; DINOV3_NPU_PYTHON names another file");
  }
}

void examine_cann(const Each &each) {
  const std::string source = "run `source set_env.sh` of the CANN installation (/usr/local/Ascend/ascend-toolkit/set_env.sh)";
  const std::string home = variable("ASCEND_HOME_PATH");
  if (home.empty() || !is_there(home)) {
    const std::string what = home.empty() ? "ASCEND_HOME_PATH is not set" : "ASCEND_HOME_PATH names " + home + ", which is not there";
    each("CANN is not set up: " + what, source + "; without one, install CANN " + cann_of(version()) + " (toolkit and kernels)");
  }
  const std::string kernels = variable("ASCEND_OPP_PATH");
  if (kernels.empty() || !is_there(kernels)) {
    const std::string what = kernels.empty() ? "ASCEND_OPP_PATH is not set" : "ASCEND_OPP_PATH names " + kernels + ", which is not there";
    each("CANN's kernels are not set up: " + what, source + "; without the folder `opp`, install the package of kernels (Ascend-cann-kernels-910b)");
  }
  for (const char *library : {"libascendcl.so", "libhccl.so", "libge_runner.so", "libgraph.so", "libacl_op_compiler.so", "libacl_tdt_channel.so"}) {
    const std::string why = refusal(library);
    // The driver's library is named by itself.
    if (!why.empty() && why.find("libascend_hal.so") == std::string::npos) {
      each("CANN's " + std::string(library) + " cannot be loaded: " + why, source);
    }
  }
  const std::string wanted = cann_of(version()), found = cann_at(home);
  if (!found.empty() && found.compare(0, wanted.size(), wanted) != 0) {
    each("CANN " + found + " is not the one that torch_npu " + version() + " was released with, " + wanted,
         "install CANN " + wanted + ", or the torch_npu that belongs to CANN " + found);
  }
}

void examine_driver(const Each &each) {
  const fs::path devices = variable("DINOV3_NPU_DEVICES").empty() ? "/dev" : variable("DINOV3_NPU_DEVICES");
  const std::string mounted = "in a container, start it with `--device /dev/davinci0 … --device /dev/davinci_manager --device "
                              "/dev/devmm_svm --device /dev/hisi_hdc` and mount /usr/local/Ascend/driver";
  if (const std::string why = refusal("libascend_hal.so"); !why.empty()) {
    each("the NPU's driver is missing: " + why, "install the driver, or add /usr/local/Ascend/driver/lib64/driver to LD_LIBRARY_PATH; " + mounted);
  }
  for (const char *name : {"davinci_manager", "devmm_svm", "hisi_hdc"}) {
    const fs::path device = devices / name;
    if (!is_there(device)) {
      each(device.string() + " is not there: the driver is not loaded, or the container has not been given it", mounted);
    } else if (access(device.c_str(), R_OK | W_OK) != 0) {
      each("this user may not open " + device.string() + ": " + std::strerror(errno),
           "add the user to the group of the driver, `usermod -aG HwHiAiUser $USER`, and log in again");
    }
  }
}

} // namespace

std::string folder() {
  if (const std::string named = variable("DINOV3_TORCH_NPU"); !named.empty()) {
    return is_there(fs::path(named) / "version.py") ? named : "";
  }
  std::istringstream folders(variable("PYTHONPATH"));
  for (std::string each; std::getline(folders, each, ':');) {
    const fs::path found = fs::path(each) / "torch_npu";
    if (!each.empty() && is_there(found / "version.py")) {
      return found.string();
    }
  }
  return "";
}

std::string version() {
  const std::string at = folder();
  return at.empty() ? "" : value_in(fs::path(at) / "version.py", "__version__");
}

bool multiplies(const std::string &version) {
  constexpr const char *POST = "2.8.0.post";
  const size_t length = std::strlen(POST);
  // 2.8.0.post2 and post3 divide in a patch of Python's FSDP; their C++ raises as before.
  return version.compare(0, length, POST) == 0 && std::atoi(version.c_str() + length) >= 4;
}

void examine(const Each &each) {
  examine_torch_npu(each);
  examine_python(each);
  examine_cann(each);
  examine_driver(each);
}

} // namespace torch_npu_plugin
