// All files that only call libtorch, as one translation unit. Its headers are most of what compiling such a file takes, and the files
// share them: each header is read once.
#include "c10d.cpp"
#include "device.cpp"
#include "hooks.cpp"
#include "rope.cpp"
#include "shim.cpp"

// With CUDA's headers it is a translation unit of its own, which is the larger half of the work.
#ifdef DINOV3_NO_NCCL
#include "nccl.cpp"
#endif
