// The two matrix products: rows by prepacked panels (projections and their way back), and sums of outer products over many
// rows (weight gradients). Every element of a result is one fixed chain of operations, whatever the tile around it.

namespace cugru::cpu {
namespace {

constexpr int kPanel = 2 * Vec::N;

CUGRU_INLINE Vec activate(Vec x, int activation) {
  switch (activation) {
    case 1: return larger(zero(), x);
    case 2: return hyperbolicTangent(x);
    case 3: return sigmoid(x);
    default: return x;
  }
}

CUGRU_INLINE void finishColumns(const PanelProduct& p, float* c, int64_t column, int64_t count, Vec sum) {
  if (p.accumulate) sum = add(loadUpTo(c + column, count), sum);
  if (p.bias != nullptr) sum = add(sum, loadUpTo(p.bias + column, count));
  storeUpTo(c + column, activate(sum, p.activation), count);
}

// Rows [row, row + Rows) x panels [block, block + Blocks).
template <int Rows, int Blocks>
__attribute__((noinline)) void productTile(const PanelProduct& p, int64_t row, int64_t block) {
  Vec acc[Rows][2 * Blocks];
  const float* a[Rows];
  unroll<Rows>(CUGRU_EACH(r) {
    a[r] = p.a[row + r];
    unroll<2 * Blocks>(CUGRU_EACH(j) { acc[r][j] = zero(); });
  });
  const int64_t stride = p.depth * kPanel;
  const float* panel = p.panels + block * stride;
  for (int64_t k = 0; k < p.depth; ++k) {
    Vec b[2 * Blocks];
    unroll<2 * Blocks>(CUGRU_EACH(j) { b[j] = load(panel + (j / 2) * stride + (j % 2) * Vec::N); });
    unroll<Rows>(CUGRU_EACH(r) {
      const Vec value = broadcastFrom(a[r] + k);
      unroll<2 * Blocks>(CUGRU_EACH(j) { acc[r][j] = fma(value, b[j], acc[r][j]); });
    });
    panel += kPanel;
  }
  unroll<2 * Blocks>(CUGRU_EACH(j) {
    const int64_t column = block * kPanel + j * Vec::N;
    const int64_t count = least(Vec::N, p.lastColumn - column);
    if (count > 0) {
      unroll<Rows>(CUGRU_EACH(r) { finishColumns(p, p.c[row + r], column, count, acc[r][j]); });
    }
  });
}

template <int Rows>
CUGRU_INLINE void productRows(const PanelProduct& p, int64_t row, int64_t block, int64_t rows) {
  if constexpr (Rows > 0) {
    if (rows == Rows) {
      productTile<Rows, 1>(p, row, block);
    } else {
      productRows<Rows - 1>(p, row, block, rows);
    }
  }
}

template <int Rows, int Blocks>
void productFewRows(const PanelProduct& p, int64_t block, int64_t blocks) {
  for (; block + Blocks <= blocks; block += Blocks) productTile<Rows, Blocks>(p, 0, block);
  for (; block < blocks; ++block) productTile<Rows, 1>(p, 0, block);
}

// Rows are spread evenly over tiles: a last tile of one or two rows would wait for its own sums.
void panelProduct(const PanelProduct& p) {
  const int64_t first = p.firstColumn / kPanel, blocks = (p.lastColumn + kPanel - 1) / kPanel;
  if (p.rows == 1) return productFewRows<1, 4>(p, first, blocks);
  if (p.rows == 2) return productFewRows<2, 3>(p, first, blocks);
  const int64_t tiles = (p.rows + Vec::kPanelRows - 1) / Vec::kPanelRows;
  for (int64_t block = first; block < blocks; ++block) {
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t row = p.rows * tile / tiles, next = p.rows * (tile + 1) / tiles;
      productRows<Vec::kPanelRows>(p, row, block, next - row);
    }
  }
}

// to[block][k][Width] = rows[k][first + block * Width ...], zero beyond `count` columns.
// Rows lie far apart, which the processor does not foresee: they are asked for some rows ahead.
template <int Width>
CUGRU_INLINE void packRows(const float* const* rows, int64_t depth, int64_t first, int64_t count, float* to) {
  constexpr int64_t kAhead = 8, kLineFloats = 16;
  const int64_t full = count / Width, rest = count % Width;
  for (int64_t k = 0; k < depth; ++k) {
    const float* from = rows[k] + first;
    if (k + kAhead < depth) {
      const float* later = rows[k + kAhead] + first;
      for (int64_t i = 0; i < count; i += kLineFloats) __builtin_prefetch(later + i);
    }
    float* at = to + k * Width;
    for (int64_t block = 0; block < full; ++block) {
      __builtin_memcpy(at, from, Width * sizeof(float));
      from += Width;
      at += depth * Width;
    }
    if (rest > 0) {
      for (int i = 0; i < Width; ++i) at[i] = i < rest ? from[i] : 0.0f;
    }
  }
}

struct OuterBlock {
  const float* a;  // [k][kPanelRows]
  const float* b;  // [k][kPanel]
  int64_t depth, row, rows, column, columns;
};

__attribute__((noinline)) void outerBlock(const OuterTile& t, const OuterBlock& o) {
  constexpr int kRows = Vec::kPanelRows;
  Vec acc[kRows][2];
  unroll<kRows>(CUGRU_EACH(r) { acc[r][0] = acc[r][1] = zero(); });
  const float* a = o.a;
  const float* b = o.b;
  for (int64_t k = 0; k < o.depth; ++k) {
    const Vec b0 = load(b), b1 = load(b + Vec::N);
    unroll<kRows>(CUGRU_EACH(r) {
      const Vec value = broadcastFrom(a + r);
      acc[r][0] = fma(value, b0, acc[r][0]);
      acc[r][1] = fma(value, b1, acc[r][1]);
    });
    a += kRows;
    b += kPanel;
  }
  unroll<kRows>(CUGRU_EACH(r) {
    if (r < o.rows) {
      const int64_t shifted = o.row + r + t.rotate;
      float* c = t.c + (shifted < t.height ? shifted : shifted - t.height) * t.stride + o.column;
      const int64_t n0 = least(Vec::N, o.columns), n1 = least(Vec::N, o.columns - Vec::N);
      storeUpTo(c, add(loadUpTo(c, n0), acc[r][0]), n0);
      if (n1 > 0) storeUpTo(c + Vec::N, add(loadUpTo(c + Vec::N, n1), acc[r][1]), n1);
    }
  });
}

void outerTile(const OuterTile& t) {
  constexpr int kRows = Vec::kPanelRows;
  float* packedA = t.scratch;
  float* packedB = packedA + (t.rows + kRows - 1) / kRows * kRows * t.depth;
  packRows<kRows>(t.a, t.depth, t.firstRow, t.rows, packedA);
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
