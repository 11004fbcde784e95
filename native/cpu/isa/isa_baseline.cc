// The kernels that every processor of the target architecture can run.
#include "cpu/isa/table.h"

// CUGRU_SCALAR_BASELINE: so that the fallback of rare architectures can be tested on any.
#if defined(__SSE2__) && !defined(CUGRU_SCALAR_BASELINE)
#include "cpu/isa/vec_sse2.h"
#else
#include "cpu/isa/vec_scalar.h"
#endif

#include "cpu/isa/kernels.inl"

namespace cugru::cpu {
const Table* baselineTable() { return &kTable; }
}  // namespace cugru::cpu
