// Convolution without a matrix of all windows: a product of panels with rows that lie in several runs of an image, and sums of outer
// products over such rows. Every element of a result is one fixed chain of operations, whatever the tile around it.

namespace cugru::cpu {
namespace {

// Pixels [row, row + Rows) x vectors [2 * block, 2 * block + Vectors).
template <int Rows, int Vectors>
__attribute__((noinline)) void convTile(const ConvProduct& p, int64_t row, int64_t block) {
  Vec acc[Rows][Vectors];
  unroll<Rows>(CUGRU_EACH(r) { unroll<Vectors>(CUGRU_EACH(j) { acc[r][j] = zero(); }); });
  const float* panels = p.panels + block * p.depth * kPanel;
  for (int64_t s = 0; s < p.runs.count; ++s) {
    const float* a[Rows];
    unroll<Rows>(CUGRU_EACH(r) { a[r] = p.a[row + r] + p.runs.offsets[s]; });
    const float* panel = panels + p.places[s] * kPanel;
    for (int64_t k = 0; k < p.runs.length; ++k) {
      Vec b[Vectors];
      unroll<Vectors>(CUGRU_EACH(j) { b[j] = load(panel + j * Vec::N); });
      unroll<Rows>(CUGRU_EACH(r) {
        const Vec value = broadcastFrom(a[r] + k);
        unroll<Vectors>(CUGRU_EACH(j) { acc[r][j] = fma(value, b[j], acc[r][j]); });
      });
      panel += kPanel;
    }
  }
  unroll<Vectors>(CUGRU_EACH(j) {
    const int64_t column = block * kPanel + j * Vec::N;
    const int64_t count = least(Vec::N, p.columns - column);
    unroll<Rows>(CUGRU_EACH(r) {
      Vec sum = acc[r][j];
      if (p.bias != nullptr) sum = add(sum, loadUpTo(p.bias + column, count));
      storeUpTo(p.c[row + r] + column, activate(sum, p.activation), count);
    });
  });
}

template <int Rows>
CUGRU_INLINE void convRows(const ConvProduct& p, int64_t row, int64_t block, int64_t rows, bool wide) {
  if constexpr (Rows > 0) {
    if (rows != Rows) return convRows<Rows - 1>(p, row, block, rows, wide);
    if (wide) {
      convTile<Rows, 2>(p, row, block);
    } else {
      convTile<Rows, 1>(p, row, block);
    }
  }
}

void convProduct(const ConvProduct& p) {
  const int64_t blocks = (p.columns + kPanel - 1) / kPanel;
  const int64_t tiles = (p.rows + Vec::kPanelRows - 1) / Vec::kPanelRows;
  for (int64_t block = 0; block < blocks; ++block) {
    const bool wide = p.columns - block * kPanel > Vec::N;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t row = p.rows * tile / tiles, next = p.rows * (tile + 1) / tiles;
      convRows<Vec::kPanelRows>(p, row, block, next - row, wide);
    }
  }
}

// to[block][k][kPanelRows] = the elements [first, first + count) of the runs of each row, zero beyond.
CUGRU_INLINE void packRuns(const float* const* rows, const ConvRuns& runs, int64_t depth, int64_t first, int64_t count,
                           float* to) {
  constexpr int kRows = Vec::kPanelRows;
  float line[kOuterRows + kRows];
  const int64_t blocks = (count + kRows - 1) / kRows;
  for (int i = 0; i < kRows; ++i) line[count + i] = 0.0f;
  const int64_t firstRun = first / runs.length, start = first - firstRun * runs.length;
  for (int64_t k = 0; k < depth; ++k) {
    int64_t run = firstRun, at = start;
    for (int64_t i = 0; i < count; ++run, at = 0) {
      const float* from = rows[k] + runs.offsets[run] + at;
      const int64_t n = least(runs.length - at, count - i);
      int64_t j = 0;
      for (; j + Vec::N <= n; j += Vec::N) store(line + i + j, load(from + j));
      for (; j < n; ++j) line[i + j] = from[j];
      i += n;
    }
    float* out = to + k * kRows;
    for (int64_t block = 0; block < blocks; ++block) {
      __builtin_memcpy(out, line + block * kRows, kRows * sizeof(float));
      out += depth * kRows;
    }
  }
}

// An outer tile whose rows of `a` lie in runs.
void convOuter(const OuterTile& t, const ConvRuns& runs) {
  constexpr int kRows = Vec::kPanelRows;
  float* packedA = t.scratch;
  float* packedB = packedA + (t.rows + kRows - 1) / kRows * kRows * t.depth;
  packRuns(t.a, runs, t.depth, t.firstRow, t.rows, packedA);
  packRows<kPanel>(t.b, t.depth, t.firstColumn, t.columns, packedB);
  for (int64_t j = 0; j < t.columns; j += kPanel) {
    for (int64_t i = 0; i < t.rows; i += kRows) {
      outerBlock(t, {packedA + i * t.depth, packedB + j * t.depth, t.depth, t.firstRow + i, least(kRows, t.rows - i),
                     t.firstColumn + j, least(kPanel, t.columns - j)});
    }
  }
}

}  // namespace
}  // namespace cugru::cpu
