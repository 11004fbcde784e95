// The matrix products that layers share: packing of weights into panels, rows by panels, and sums of outer products.
// Strategies depend on shapes only, and every element is one fixed chain of operations: the same bytes for any number of
// threads.
#pragma once

#include <cstdint>

#include "cpu/cpu_stream.h"
#include "cpu/isa/table.h"

namespace cugru::cpu {

// Floats of the panels of a (depth x columns) matrix.
int64_t panelFloats(int64_t depth, int64_t columns, int64_t panel);

// panels[block][k][panel] = matrix[(k + rotate) % depth * depthStride + column * columnStride], zero beyond the last column.
// Packs blocks [first, last) only, so that the work can be shared.
struct PanelSource {
  const float* matrix;
  int64_t depth, columns, depthStride, columnStride;
  int64_t rotate = 0;
};
void packPanels(const PanelSource& source, int64_t panel, int64_t first, int64_t last, float* panels);

// c[row] = activation(a[row] * panels + bias), or += without; over evenly spaced rows.
struct RowsProduct {
  const float* panels = nullptr;
  int64_t rows = 0, depth = 0, columns = 0;
  const float* a = nullptr;
  int64_t strideA = 0;
  float* c = nullptr;
  int64_t strideC = 0;
  bool accumulate = false;
  const float* bias = nullptr;
  int activation = 0;
};
// Several products of the same shape one after the other on the same rows: c = a1 * p1, then c += a2 * p2.
void multiplyRows(const Table& table, CpuStream& stream, const RowsProduct* products, int count);

// c[(m + rotate) % height][n] += sum over k of a[k][m] * b[k][n]. The rows of a and b come by pointer (aRows, bRows), or
// evenly spaced from `a` and `b` where those are null.
struct OuterProduct {
  const float* const* aRows = nullptr;
  const float* const* bRows = nullptr;
  const float* a = nullptr;
  const float* b = nullptr;
  int64_t strideA = 0, strideB = 0;
  int64_t depth = 0, height = 0, columns = 0;
  float* c = nullptr;
  int64_t rotate = 0;
};
void addOuterProducts(const Table& table, CpuStream& stream, const OuterProduct* products, int count);

}  // namespace cugru::cpu
