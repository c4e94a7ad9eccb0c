// The memory of simulated NPUs.
//
// An address of a device is in a range that the process may not touch: a program that reads or writes a tensor of the device through
// its pointer ends by SIGSEGV, as on a machine with a real one. The bytes are at the same place of a second range, which kernels alone use
// (`host_of`). Every block ends at a page that may not be touched, and begins with bytes that are NaN in every floating dtype.
#pragma once

#include <cstddef>
#include <cstdint>

namespace npu {

// Devices of this machine.
constexpr int DEVICES = 8;

struct Figures {
  uint64_t in_use, peak, total;
};

// An address of `device`; null for no bytes. Throws c10::OutOfMemoryError.
void *allocate(int device, size_t bytes);
// The block is no tensor's any more, and counts as free. Its bytes stay until `release`.
void forget(void *address);
void release(void *address);
int device_of(const void *address);
// Where kernels find the bytes of an address of a device.
void *host_of(const void *address);
Figures figures(int device);
void reset_peak(int device);

} // namespace npu
