// MKL takes the kernels of a processor's instruction set on Intel's processors alone; on others it takes generic ones, half as fast
// where there is AVX-512, with other bits, and holds to no `MKL_CBWR`. It asks a function of its own, through the dynamic linker, whose
// processor this is. A function of that name in the executable comes first, and this one always says yes: which instructions there
// are MKL finds out by itself.
#include "shim.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

std::atomic<bool> asked{false};

#if defined(__x86_64__)

bool is_intels() {
  unsigned leaf = 0, name[3] = {};
  return __get_cpuid(0, &leaf, &name[0], &name[2], &name[1]) && std::memcmp(name, "GenuineIntel", sizeof name) == 0;
}

// `DINOV3_MKL=as-shipped` leaves the choice to the maker's name, to compare.
bool answer() {
  const char *wish = std::getenv("DINOV3_MKL");
  const bool as_shipped = wish && std::strcmp(wish, "as-shipped") == 0;
  const bool intels = !as_shipped || is_intels();
  asked = intels;
  return intels;
}

#endif

} // namespace

extern "C" {

#if defined(__x86_64__)
__attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() { return answer(); }
__attribute__((visibility("default"))) int mkl_serv_intel_cpu() { return answer(); }
#endif

bool dinov3_mkl_takes_intels_kernels() { return asked; }

}
