// The loops of rope.cpp, apart from it: they include nothing of libtorch, and alone are compiled with optimisation.

#include <cstdint>

namespace rope {

// bfloat16 is the upper half of float32. The compiler turns loops over these into vector code, which it does not with c10's own
// type; what they give is the same, NaN included.
using Half = uint16_t;

// Queries or keys `[B, heads, tokens, dim]` and the tables of the last tokens, `[patches, dim]`.
template <typename T> struct Job {
  const T *from;
  T *to;
  const Half *sin, *cos;
  int64_t heads, tokens, patches, dim;
  int64_t batch_stride, head_stride, token_stride;
};

// The matrices `begin` to `end` of batch times heads.
void run(const Job<float> &job, bool backward, int64_t begin, int64_t end);
void run(const Job<Half> &job, bool backward, int64_t begin, int64_t end);

} // namespace rope
