#include "cpu/gemm.h"

#include <algorithm>

#include "cpu/layouts.h"

namespace cugru::cpu {

namespace {
constexpr int64_t kTaskRows = 48;  // rows of one task of multiplyRows: a few tiles for each panel in the first cache
constexpr int64_t kTaskFlops = 1 << 19;  // columns are shared out too when the rows alone make too few tasks
constexpr int kMaxProducts = 8;
constexpr int64_t kManyTiles = 8;

void multiplyBlock(const Table& table, const RowsProduct& p, int64_t row, int64_t rows, int64_t first, int64_t last) {
  const float* a[kTaskRows];
  float* c[kTaskRows];
  for (int64_t i = 0; i < rows; ++i) {
    a[i] = p.a + (row + i) * p.strideA;
    c[i] = p.c + (row + i) * p.strideC;
  }
  table.panelProduct({p.panels, p.depth, rows, first, last, a, c, p.accumulate, p.bias, p.activation});
}

// A grid of tiles of even size: large ones, which pack less, where there are enough of them to share out.
struct Grid {
  int64_t rows, columns;  // of a tile
  int64_t down, across;
  explicit Grid(const OuterProduct& p) {
    const bool large = ceilDiv(p.height, kOuterRows) * ceilDiv(p.columns, kOuterColumns) >= kManyTiles;
    rows = evenly(p.height, large ? kOuterRows : kOuterRows / 2, 12);
    columns = evenly(p.columns, large ? kOuterColumns : kOuterColumns / 2, 32);
    down = ceilDiv(p.height, rows);
    across = ceilDiv(p.columns, columns);
  }
  // Of `unit`, a multiple of every register tile, so that edges fall on the last tile only.
  static int64_t evenly(int64_t total, int64_t most, int64_t unit) {
    return std::min(most, ceilDiv(ceilDiv(total, ceilDiv(total, most)), unit) * unit);
  }
};

void outerTask(const Table& table, const OuterProduct& p, int64_t task) {
  const Grid grid(p);
  const int64_t row = task / grid.across * grid.rows, column = task % grid.across * grid.columns;
  alignas(64) float scratch[kOuterScratch];
  OuterTile tile{p.aRows,
                 p.bRows,
                 0,
                 row,
                 std::min(grid.rows, p.height - row),
                 column,
                 std::min(grid.columns, p.columns - column),
                 p.c,
                 p.columns,
                 p.height,
                 p.rotate,
                 scratch};
  const float* a[kOuterDepth];
  const float* b[kOuterDepth];
  for (int64_t k = 0; k < p.depth; k += kOuterDepth) {
    tile.depth = std::min(kOuterDepth, p.depth - k);
    for (int64_t i = 0; i < tile.depth; ++i) {
      a[i] = p.aRows != nullptr ? p.aRows[k + i] : p.a + (k + i) * p.strideA;
      b[i] = p.bRows != nullptr ? p.bRows[k + i] : p.b + (k + i) * p.strideB;
    }
    tile.a = a;
    tile.b = b;
    table.outerTile(tile);
  }
}
}  // namespace

int64_t panelFloats(int64_t depth, int64_t columns, int64_t panel) { return ceilDiv(columns, panel) * panel * depth; }

void packPanels(const PanelSource& s, int64_t panel, int64_t first, int64_t last, float* panels) {
  for (int64_t block = first; block < last; ++block) {
    float* to = panels + block * panel * s.depth;
    const int64_t column = block * panel, count = std::min(panel, s.columns - column);
    const float* from = s.matrix + column * s.columnStride;
    for (int64_t k = 0; k < s.depth; ++k) {
      const float* row = from + (k + s.rotate < s.depth ? k + s.rotate : k + s.rotate - s.depth) * s.depthStride;
      for (int64_t i = 0; i < count; ++i) to[i] = row[i * s.columnStride];
      std::fill(to + count, to + panel, 0.0f);
      to += panel;
    }
  }
}

void multiplyRows(const Table& table, CpuStream& stream, const RowsProduct* products, int count) {
  const RowsProduct& p = products[0];
  if (p.rows == 0) return;
  const int64_t down = ceilDiv(p.rows, kTaskRows);
  const int64_t panels = ceilDiv(p.columns, table.panel);
  const double flops =
      2.0 * static_cast<double>(p.rows) * static_cast<double>(p.depth) * static_cast<double>(p.columns);
  const int64_t wished = static_cast<int64_t>(std::min(flops / kTaskFlops, 16.0)) / down;
  const int64_t across = std::clamp<int64_t>(wished, 1, panels);
  stream.parallel(down * across, flops * count / 16, [&](int64_t task) {
    const int64_t row = task / across * kTaskRows, rows = std::min(kTaskRows, p.rows - row);
    const int64_t first = task % across * panels / across * table.panel;
    const int64_t last = std::min(p.columns, (task % across + 1) * panels / across * table.panel);
    for (int i = 0; i < count; ++i) multiplyBlock(table, products[i], row, rows, first, last);
  });
}

void addOuterProducts(const Table& table, CpuStream& stream, const OuterProduct* products, int count) {
  int64_t ends[kMaxProducts] = {};
  int64_t tasks = 0;
  double flops = 0;
  for (int i = 0; i < count; ++i) {
    const OuterProduct& p = products[i];
    const Grid grid(p);
    if (p.depth > 0) tasks += grid.down * grid.across;
    ends[i] = tasks;
    flops += 2.0 * static_cast<double>(p.depth) * static_cast<double>(p.height) * static_cast<double>(p.columns);
  }
  stream.parallel(tasks, flops / 16, [&](int64_t task) {
    int i = 0;
    while (task >= ends[i]) ++i;
    outerTask(table, products[i], task - (i == 0 ? 0 : ends[i - 1]));
  });
}

}  // namespace cugru::cpu
