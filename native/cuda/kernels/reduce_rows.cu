// The gradient of a bias: sums over rows, in blocks of a fixed number of rows that are then added in order.
#include "common.cuh"

constexpr i64 kRows = 64;  // of one partial sum; column_sums.cc knows it

// One thread for each column and block of rows (blockIdx.y).
CUGRU_KERNEL sum_rows_parts(const float* rows, float* parts, i64 count, i64 columns) {
  const i64 column = gridIndex();
  if (column >= columns) return;
  const i64 first = (i64)blockIdx.y * kRows, last = least(first + kRows, count);
  float sum = 0.0f;
  for (i64 row = first; row < last; ++row) sum += rows[row * columns + column];
  parts[(i64)blockIdx.y * columns + column] = sum;
}

// sum[column] += all parts.
CUGRU_KERNEL sum_rows_finish(const float* parts, float* sum, i64 blocks, i64 columns) {
  const i64 column = gridIndex();
  if (column >= columns) return;
  float total = 0.0f;
  for (i64 block = 0; block < blocks; ++block) total += parts[block * columns + column];
  sum[column] += total;
}
