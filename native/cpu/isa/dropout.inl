// Dropout with Philox 4x32-10 (see core/philox.h, whose numbers these are; its inline functions must not be used here).

namespace cugru::cpu {
namespace {

constexpr int kPhiloxLanes = 8;  // counters at once, so that the compiler can make vectors of the loops

struct PhiloxLanes {
  uint32_t c[4][kPhiloxLanes];
};

CUGRU_INLINE void philoxRound(PhiloxLanes& s, uint32_t k0, uint32_t k1) {
  for (int i = 0; i < kPhiloxLanes; ++i) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * s.c[0][i];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * s.c[2][i];
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ s.c[1][i] ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ s.c[3][i] ^ k1;
    s.c[1][i] = static_cast<uint32_t>(p1);
    s.c[3][i] = static_cast<uint32_t>(p0);
    s.c[0][i] = n0;
    s.c[2][i] = n2;
  }
}

CUGRU_INLINE PhiloxLanes philoxLanes(const DropoutBlock& block, uint64_t counter) {
  PhiloxLanes s;
  for (int i = 0; i < kPhiloxLanes; ++i) {
    const uint64_t c = counter + static_cast<uint64_t>(i);
    s.c[0][i] = static_cast<uint32_t>(c);
    s.c[1][i] = static_cast<uint32_t>(c >> 32);
    s.c[2][i] = block.op;
    s.c[3][i] = block.step;
  }
  uint32_t k0 = static_cast<uint32_t>(block.seed), k1 = static_cast<uint32_t>(block.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    philoxRound(s, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return s;
}

CUGRU_INLINE float uniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 5.9604644775390625e-8f; }

void dropoutForward(const DropoutBlock& block, const float* x, float* y, uint8_t* kept) {
  const float keep = 1.0f - block.rate;
  for (int64_t i = 0; i < block.count; i += 4 * kPhiloxLanes) {
    const PhiloxLanes s = philoxLanes(block, static_cast<uint64_t>(block.first + i) / 4);
    const int64_t n = least(4 * kPhiloxLanes, block.count - i);
    uint8_t bits[kPhiloxLanes / 2] = {};
    for (int64_t j = 0; j < n; ++j) {
      const bool stays = uniform(s.c[j % 4][j / 4]) >= block.rate;
      y[i + j] = stays ? x[i + j] / keep : 0.0f;
      bits[j / 8] = static_cast<uint8_t>(bits[j / 8] | (stays ? 1u << (j % 8) : 0u));
    }
    for (int64_t j = 0; j < (n + 7) / 8; ++j) kept[i / 8 + j] = bits[j];
  }
}

void dropoutBackward(const DropoutBlock& block, const float* dy, float* dx, const uint8_t* kept) {
  const float keep = 1.0f - block.rate;
  for (int64_t i = 0; i < block.count; ++i) dx[i] = (kept[i / 8] >> (i % 8)) & 1 ? dy[i] / keep : 0.0f;
}

}  // namespace
}  // namespace cugru::cpu
