// Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
// as easy as 1, 2, 3" (SC 2011). Stateless: the number depends only on (seed, op id, step, element), so it is the same for
// any number of threads and on every backend.
#pragma once

#include <cstdint>

namespace cugru {

struct Philox4 {
  uint32_t v[4];
};

inline Philox4 philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Four numbers for the elements [4 * block, 4 * block + 4) of operation `opId` at `step`.
// Counter words: block low, block high, op id, step; a step above 2^32 wraps.
inline Philox4 philoxBlock(uint64_t seed, uint32_t opId, uint64_t step, uint64_t block) {
  return philox(seed, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), opId,
                static_cast<uint32_t>(step));
}

// 24 bits of `bits` as a float in [0, 1).
inline float uniform01(uint32_t bits) { return static_cast<float>(bits >> 8) * 5.9604644775390625e-8f; }

}  // namespace cugru
