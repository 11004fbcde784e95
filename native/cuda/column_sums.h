// The gradient of a bias: the sums over a matrix's rows, in blocks of a fixed number of rows that are then added in order.
#pragma once

#include "cuda/launch.h"

namespace cugru::cuda {

class ColumnSums {
 public:
  ColumnSums() = default;
  ColumnSums(Device& device, int64_t rows, int64_t columns);

  int64_t workspaceFloats() const { return blocks() * columns_; }
  // sums[column] += the sum of a column of `matrix` [rows][columns]; where `also` is given, to that as well.
  void add(const float* matrix, float* workspace, float* sums, float* also, CudaStream& stream) const;

 private:
  int64_t blocks() const;

  int64_t rows_ = 0, columns_ = 0;
  Function<const float*, float*, int64_t, int64_t> parts_, finish_;
};

}  // namespace cugru::cuda
