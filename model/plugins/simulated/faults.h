// What can be wrong with the simulated plugin, by the name that DINOV3_SIMULATED_FAULT has.
//
// The table and its capabilities:
//   other-abi, other-torch, other-cxx-abi   made for another harness, another libtorch, another standard library
//   small-table, small-capability           a table, and `c10d/1`, that end before their first version's last member
//   gap                                     a member that is always there is NULL
//   newer                                   a table and capabilities of a newer header, which are accepted
//   no-device, no-doctor                    that capability is absent
//   unknown-capability                      `get` returns a table for every name
//   no-driver                               `doctor/1` finds something missing
// The backend, each a fault that backends have had:
//   out-of-order     no rank is connected
//   drops-a-rank     the last rank's values are left out of reductions
//   max-is-sum       every reduction is SUM (Gloo's reduce-scatter)
//   int64-as-float   64-bit integers are summed in float32
//   factor-ignored   PREMUL_SUM is SUM (Gloo's reduce-scatter)
//   bf16-zeros       PREMUL_SUM at a power of two gives zeros in bf16 (NCCL, which reads half of the factor's bits)
//   no-premul-sum    PREMUL_SUM does not exist, and the table says so (HCCL)
//   denies           PREMUL_SUM does not exist, though the table says that it does
//   chunks-swapped   reduce-scatter gives each rank the chunk of another
//   gather-reversed  all-gather orders ranks from the last to the first
//   root-ignored     broadcast always sends rank 0's values
//   barrier-open     a barrier holds nobody up
//   waits-for-ever   the time limit of a collective is ignored
//   aborts           an all-reduce ends the process
// The device:
//   unknown-count    the number of devices is not known
//   any-device       a device that does not exist can be made current
//   never-idle       waiting for the device fails
//   memory-constant  memory in use never changes
//   seed-ignored     a seed changes nothing
//   clock-backwards  the time between two events is negative
#pragma once

#include <cstdlib>
#include <string_view>

inline bool is_broken(std::string_view fault) {
  const char *named = std::getenv("DINOV3_SIMULATED_FAULT");
  return named != nullptr && fault == named;
}
