#include "cuda/column_sums.h"

#include <algorithm>

namespace cugru::cuda {

namespace {
constexpr int64_t kRows = 64;           // of one partial sum, as in kernels/reduce_rows.cu
constexpr int64_t kMostBlocks = 65535;  // in the second direction of a grid
}  // namespace

ColumnSums::ColumnSums(Device& device, int64_t rows, int64_t columns)
    : rows_(rows),
      columns_(columns),
      parts_(device, "reduce_rows.cu", "sum_rows_parts"),
      finish_(device, "reduce_rows.cu", "sum_rows_finish") {}

int64_t ColumnSums::blocks() const { return ceilDiv(rows_, kRows); }

void ColumnSums::add(const float* matrix, float* workspace, float* sums, float* also, CudaStream& stream) const {
  for (int64_t first = 0; first < blocks(); first += kMostBlocks) {
    const int64_t row = first * kRows;
    Extent grid = exactGrid(columns_);
    grid.y = static_cast<unsigned>(std::min(kMostBlocks, blocks() - first));
    parts_(stream, grid, kFlatBlock, matrix + row * columns_, workspace + first * columns_, rows_ - row, columns_);
  }
  for (float* to : {sums, also}) {
    if (to != nullptr) finish_(stream, exactGrid(columns_), kFlatBlock, workspace, to, blocks(), columns_);
  }
}

}  // namespace cugru::cuda
