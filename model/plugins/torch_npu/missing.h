// What a machine lacks for torch_npu, without a device and without libtorch: the answer of `doctor/1`.
#pragma once

#include <functional>
#include <string>

namespace torch_npu_plugin {

// What is missing, and what to source or install.
using Each = std::function<void(const std::string &what, const std::string &remedy)>;

// Calls `each` for what is missing, in the order in which it is needed: the first is why those after it may be missing.
void examine(const Each &each);

// Where torch_npu is installed: the folder of its `version.py`; empty where it is not found.
std::string folder();
// The version that `version.py` names, such as `2.8.0.post4`; empty where there is none.
std::string version();
// Whether this version multiplies by PREMUL_SUM's factor; others raise.
bool multiplies(const std::string &version);

} // namespace torch_npu_plugin
