// One GRU step: both projections and the three gates in one register tile, the nonlinearities while they are still there.

namespace cugru::cpu {
namespace {

constexpr int64_t kChunkDepth = 6144 / (3 * Vec::N);  // 24 KiB of a panel: half of a first cache
constexpr int64_t kShallow = 8192 / (3 * Vec::N);     // a panel of up to 32 KiB is taken whole

// acc[row][3 * block + gate] += sum over k of a[row][k] * panel[block][k][gate]
template <int Rows, int Blocks>
CUGRU_INLINE void accumulateGates(Vec (&acc)[Rows][3 * Blocks], const float* const* rows, const float* panel,
                                  int64_t depth, int64_t offset = 0) {
  const float* a[Rows];
  unroll<Rows>(CUGRU_EACH(r) { a[r] = rows[r] + offset; });
  const int64_t stride = depth * 3 * Vec::N;  // from one block's panel to the next
  for (int64_t k = 0; k < depth; ++k) {
    Vec w[3 * Blocks];
    unroll<3 * Blocks>(CUGRU_EACH(g) { w[g] = load(panel + (g / 3) * stride + (g % 3) * Vec::N); });
    unroll<Rows>(CUGRU_EACH(r) {
      const Vec value = broadcastFrom(a[r] + k);
      unroll<3 * Blocks>(CUGRU_EACH(g) { acc[r][g] = fma(value, w[g], acc[r][g]); });
    });
    panel += 3 * Vec::N;
  }
}

// What one row gets of one block of units.
struct UnitSums {
  Vec r, z, n, q;
};

CUGRU_INLINE void storeUnits(const GruForwardStep& s, int64_t row, int64_t unit, int64_t count, const UnitSums& u) {
  const Vec before = loadUpTo(s.state[row] + unit, count);
  storeUpTo(s.out[row] + unit, fma(u.z, sub(before, u.n), u.n), count);
  if (s.gates == nullptr) return;
  float* gates = s.gates[row] + unit;
  storeUpTo(gates, u.n, count);
  storeUpTo(gates + s.units, u.r, count);
  storeUpTo(gates + 2 * s.units, u.z, count);
  storeUpTo(gates + 3 * s.units, u.q, count);
}

// Gates and new states of a tile. All rows take each stage together: a single row would wait for its own divisions.
template <int Rows, int Blocks>
CUGRU_INLINE void finishTile(const GruForwardStep& s, int64_t row, int64_t block, Vec (&acc)[Rows][3 * Blocks],
                             Vec (&inputPart)[Rows][Blocks]) {
  UnitSums units[Rows * Blocks];
  const float* bias = s.bias + block * 4 * Vec::N;
  unroll<Rows * Blocks>(CUGRU_EACH(i) {
    const int r = i / Blocks, b = i % Blocks;
    units[i].r = sigmoid(add(acc[r][3 * b], load(bias + 4 * b * Vec::N)));
    units[i].q = add(acc[r][3 * b + 2], load(bias + (4 * b + 3) * Vec::N));
  });
  unroll<Rows * Blocks>(CUGRU_EACH(i) {
    const int r = i / Blocks, b = i % Blocks;
    units[i].z = sigmoid(add(acc[r][3 * b + 1], load(bias + (4 * b + 1) * Vec::N)));
    units[i].n = fma(units[i].r, units[i].q, add(inputPart[r][b], load(bias + (4 * b + 2) * Vec::N)));
  });
  unroll<Rows * Blocks>(CUGRU_EACH(i) {
    const int64_t unit = (block + i % Blocks) * Vec::N;
    units[i].n = hyperbolicTangent(units[i].n);
    storeUnits(s, row + i / Blocks, unit, least(Vec::N, s.units - unit), units[i]);
  });
}

// Rows [row, row + Rows) x unit blocks [block, block + Blocks).
template <int Rows, int Blocks>
CUGRU_INLINE void gruTile(const GruForwardStep& s, int64_t row, int64_t block) {
  constexpr int64_t kBlockFloats = 3 * Vec::N;
  Vec acc[Rows][3 * Blocks], inputPart[Rows][Blocks];
  if (s.projected == nullptr) {
    unroll<Rows>(CUGRU_EACH(r) { unroll<3 * Blocks>(CUGRU_EACH(g) { acc[r][g] = zero(); }); });
    accumulateGates<Rows, Blocks>(acc, s.x + row, s.inputPanels + block * s.inputs * kBlockFloats, s.inputs);
  } else {
    unroll<Rows>(CUGRU_EACH(r) {
      const float* from = s.projected[row + r] + block * kBlockFloats;
      unroll<3 * Blocks>(CUGRU_EACH(g) { acc[r][g] = load(from + g * Vec::N); });
    });
  }
  // The candidate's two parts must stay apart: the reset gate multiplies only the state's.
  unroll<Rows>(CUGRU_EACH(r) {
    unroll<Blocks>(CUGRU_EACH(b) {
      inputPart[r][b] = acc[r][3 * b + 2];
      acc[r][3 * b + 2] = zero();
    });
  });
  accumulateGates<Rows, Blocks>(acc, s.state + row, s.statePanels + block * s.units * kBlockFloats, s.units);
  finishTile<Rows, Blocks>(s, row, block, acc, inputPart);
}

template <int Rows>
__attribute__((noinline)) void gruRows(const GruForwardStep& s, int64_t row, int64_t block) {
  gruTile<Rows, 1>(s, row, block);
}

// The last rows of a block, fewer than a full tile.
template <int Rows>
CUGRU_INLINE void gruRest(const GruForwardStep& s, int64_t row, int64_t block) {
  if constexpr (Rows > 0) {
    if (s.rows - row == Rows) {
      gruRows<Rows>(s, row, block);
    } else {
      gruRest<Rows - 1>(s, row, block);
    }
  }
}

// Few rows: several unit blocks at once keep enough sums in flight to hide the latency of FMA.
template <int Rows, int Blocks>
__attribute__((noinline)) void gruFewRows(const GruForwardStep& s) {
  int64_t block = s.firstBlock;
  for (; block + Blocks <= s.lastBlock; block += Blocks) gruTile<Rows, Blocks>(s, 0, block);
  for (; block < s.lastBlock; ++block) gruTile<Rows, 1>(s, 0, block);
}

// A stretch of a block's panel that stays in the first cache while many rows pass by.
struct GruChunk {
  int64_t block;
  bool input;            // of x, or of the state
  int64_t first, depth;  // of that
  bool begins, ends;     // the sums
  float* sums;           // [row][r, z, n of x, n of h][width]
};

template <int Rows>
__attribute__((noinline)) void chunkRows(const GruForwardStep& s, int64_t row, const GruChunk& c) {
  constexpr int64_t kBlockFloats = 3 * Vec::N;
  const int64_t depth = c.input ? s.inputs : s.units;
  const float* panel = (c.input ? s.inputPanels : s.statePanels) + (c.block * depth + c.first) * kBlockFloats;
  const int candidate = c.input ? 2 : 3;
  float* sums = c.sums + row * 4 * Vec::N;
  Vec acc[Rows][3];
  unroll<Rows>(CUGRU_EACH(r) {
    const float* at = sums + r * 4 * Vec::N;
    acc[r][0] = c.begins ? zero() : load(at);
    acc[r][1] = c.begins ? zero() : load(at + Vec::N);
    acc[r][2] = c.first == 0 ? zero() : load(at + candidate * Vec::N);
  });
  accumulateGates<Rows, 1>(acc, (c.input ? s.x : s.state) + row, panel, c.depth, c.first);
  if (c.ends) {
    Vec inputPart[Rows][1];
    unroll<Rows>(CUGRU_EACH(r) { inputPart[r][0] = load(sums + (r * 4 + 2) * Vec::N); });
    finishTile<Rows, 1>(s, row, c.block, acc, inputPart);
    return;
  }
  unroll<Rows>(CUGRU_EACH(r) {
    float* at = sums + r * 4 * Vec::N;
    store(at, acc[r][0]);
    store(at + Vec::N, acc[r][1]);
    store(at + candidate * Vec::N, acc[r][2]);
  });
}

template <int Rows>
CUGRU_INLINE void chunkRest(const GruForwardStep& s, int64_t row, const GruChunk& c) {
  if constexpr (Rows > 0) {
    if (s.rows - row == Rows) {
      chunkRows<Rows>(s, row, c);
    } else {
      chunkRest<Rows - 1>(s, row, c);
    }
  }
}

// Deep panels: a block's panel in stretches, each for all rows. The chain of operations of an element is the same.
void gruDeep(const GruForwardStep& s) {
  alignas(64) float sums[kGruRowsAtOnce * 4 * Vec::N];
  for (int64_t block = s.firstBlock; block < s.lastBlock; ++block) {
    for (int part = 0; part < 2; ++part) {
      const int64_t depth = part == 0 ? s.inputs : s.units;
      const int64_t chunks = (depth + kChunkDepth - 1) / kChunkDepth;
      for (int64_t i = 0; i < chunks; ++i) {
        const int64_t first = depth * i / chunks, next = depth * (i + 1) / chunks;
        const GruChunk c{block, part == 0, first, next - first, part == 0 && i == 0, part == 1 && i + 1 == chunks,
                         sums};
        int64_t row = 0;
        for (; row + Vec::kGruRows <= s.rows; row += Vec::kGruRows) chunkRows<Vec::kGruRows>(s, row, c);
        chunkRest<Vec::kGruRows - 1>(s, row, c);
      }
    }
  }
}

// Unit blocks outside, rows inside: a block's panel stays in the first cache while the rows pass by.
void gruForward(const GruForwardStep& s) {
  if (s.rows == 1) return gruFewRows<1, 4>(s);
  if (s.rows == 2) return gruFewRows<2, 2>(s);
  if (s.projected == nullptr && s.rows > 2 * Vec::kGruRows && s.inputs + s.units > kShallow) return gruDeep(s);
  for (int64_t block = s.firstBlock; block < s.lastBlock; ++block) {
    int64_t row = 0;
    for (; row + Vec::kGruRows <= s.rows; row += Vec::kGruRows) gruRows<Vec::kGruRows>(s, row, block);
    gruRest<Vec::kGruRows - 1>(s, row, block);
  }
}

template <int Rows>
__attribute__((noinline)) void projectTile(const GruProjection& p, int64_t row, int64_t block) {
  Vec acc[Rows][3];
  unroll<Rows>(CUGRU_EACH(r) { unroll<3>(CUGRU_EACH(g) { acc[r][g] = zero(); }); });
  accumulateGates<Rows, 1>(acc, p.x + row, p.panels + block * p.inputs * 3 * Vec::N, p.inputs);
  unroll<Rows>(
      CUGRU_EACH(r) { unroll<3>(CUGRU_EACH(g) { store(p.out[row + r] + (3 * block + g) * Vec::N, acc[r][g]); }); });
}

void gruProject(const GruProjection& p) {
  for (int64_t block = p.firstBlock; block < p.lastBlock; ++block) {
    int64_t row = 0;
    for (; row + Vec::kGruRows <= p.rows; row += Vec::kGruRows) projectTile<Vec::kGruRows>(p, row, block);
    for (; row < p.rows; ++row) projectTile<1>(p, row, block);
  }
}

}  // namespace
}  // namespace cugru::cpu
