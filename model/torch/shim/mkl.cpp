// MKL takes the kernels of a processor's instruction set on Intel's processors alone; on others it takes generic ones, half as fast
// where there is AVX-512, with other bits, and holds to no `MKL_CBWR`. It asks a function of its own, through the dynamic linker, whose
// processor this is. A function of that name in the executable comes first, and this one always says yes: which instructions there
// are MKL finds out by itself.
//
// MKL's vector functions (`erfinv`, `exp`, `log`, `sin`, …) ask another of its functions for the kind of processor, and that function
// remembers its answer in a variable that two threads may write and read at once: it stores MKL's own number first, then the number
// that the vector functions mean. A thread that reads between the two stores takes a generic kernel, whose result differs in the last bit
// of some elements: 42 of 221,184 for `erfinv` of uniform numbers. The first vector function of a process is mostly the first
// `trunc_normal_`, on two threads at once. The function below answers in its place, and lets one thread at a time ask MKL.
#include "shim.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

std::atomic<bool> asked{false};
std::atomic<bool> asked_by_vectors{false};

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

// MKL's own answer, with all that it remembers written before anybody else may ask.
int kind_of_processor() {
  using Detect = int (*)();
  const auto detect = reinterpret_cast<Detect>(dlsym(RTLD_NEXT, "mkl_vml_serv_cpu_detect"));
  if (!detect) {
    // Only MKL calls this, and it has the function.
    std::abort();
  }
  asked_by_vectors = true;
  return detect();
}

#endif

} // namespace

extern "C" {

#if defined(__x86_64__)
__attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() { return answer(); }
__attribute__((visibility("default"))) int mkl_serv_intel_cpu() { return answer(); }

__attribute__((visibility("default"))) int mkl_vml_serv_cpu_detect() {
  // C++ lets one thread initialise it; the others wait.
  static const int kind = kind_of_processor();
  return kind;
}
#endif

bool dinov3_mkl_takes_intels_kernels() { return asked; }

bool dinov3_mkl_vectors_ask_one_at_a_time() { return asked_by_vectors; }

}
