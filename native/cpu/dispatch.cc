// Which instruction sets this build and this processor share, and which one is used.
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "cpu/cpu_backend.h"
#include "cpu/isa/table.h"

namespace cugru {

namespace {
bool processorHas(Isa isa) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::baseline: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
    case Isa::neon: return false;
  }
  return false;
#else
  return isa == Isa::baseline || isa == Isa::neon;
#endif
}

bool buildHas(Isa isa) {
  switch (isa) {
    case Isa::baseline: return cpu::baselineTable() != nullptr;
    case Isa::avx2: return cpu::avx2Table() != nullptr;
    case Isa::avx512: return cpu::avx512Table() != nullptr;
    case Isa::neon: return cpu::neonTable() != nullptr;
  }
  return false;
}
}  // namespace

const char* isaName(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "?";
}

std::vector<Isa> supportedIsas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::baseline, Isa::neon, Isa::avx2, Isa::avx512}) {
    if (processorHas(isa) && buildHas(isa)) isas.push_back(isa);
  }
  return isas;
}

Isa defaultIsa() {
  const std::vector<Isa> isas = supportedIsas();
  const char* wished = std::getenv("CUGRU_ISA");
  if (wished == nullptr || *wished == '\0') return isas.back();
  std::string known;
  for (Isa isa : isas) {
    if (std::string(wished) == isaName(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isaName(isa));
  }
  fail(code::kValue, "CUGRU_ISA is '", wished, "'; this build and processor support ", known);
}

}  // namespace cugru
