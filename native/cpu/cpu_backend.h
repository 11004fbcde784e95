// The CPU backend, and which instruction sets it can use.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/backend.h"

namespace cugru {

enum class Isa : uint8_t { baseline, avx2, avx512, neon };

const char* isaName(Isa isa);

// What this build and this processor can run, best last.
std::vector<Isa> supportedIsas();

// CUGRU_ISA when set (ERR_VALUE lists the supported ones when it is not among them); else the best.
Isa defaultIsa();

std::unique_ptr<Backend> createCpuBackend(Isa isa);  // ERR_UNSUPPORTED when not among supportedIsas()

}  // namespace cugru
