// The Python that torch_npu's wheel needs in the process.
#pragma once

namespace torch_npu_plugin {

// Starts a Python without signal handlers, has it load torch_npu with the precision switches of a comparison, and lets go of its lock, which
// torch_npu takes by itself later. Throws std::runtime_error with the first line of Python's error.
void start_python();

} // namespace torch_npu_plugin
