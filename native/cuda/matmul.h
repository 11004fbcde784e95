// One matrix product of fixed shapes through cuBLASLt, its algorithm chosen once: the fastest of those that the heuristic gives, or its
// first where nothing is measured. Matrices are row-major here: C = op(A) op(B).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/loss_scale.h"
#include "cuda/precision.h"
#include "cuda/stream.h"

namespace cugru::cuda {

struct MatmulShape {
  int64_t rows = 0, columns = 0, depth = 0;  // of C, and what is summed over
  bool transposeA = false, transposeB = false;
  bool adds = false;  // C += instead of C =
  enum class End : uint8_t { none, bias } end = End::none;
  Precision precision = Precision::tf32;          // of A and B; C is float32
  int64_t strideA = 0, strideB = 0, strideC = 0;  // numbers between rows as they lie in memory; 0: no gaps
  uint32_t alignment = 16;                        // bytes, of all pointers; 16 is what vector loads want
  const LossScaleState* unscales = nullptr;       // on the device: C is divided by it
  bool mayMeasure = true;
};

class Matmul {
 public:
  // Null when cuBLASLt cannot end the product like that on this device (ERR_UNSUPPORTED without an ending).
  static std::unique_ptr<Matmul> create(std::shared_ptr<Device> device, const MatmulShape& shape);
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  size_t workspace() const { return algorithm_.workspaceSize; }
  // Pointers are aligned as the shape says, A and B of what `precision` says. `bias`: one for each column.
  void run(const void* a, const void* b, float* c, const float* bias, void* workspace, CudaStream& stream) const;

 private:
  Matmul(std::shared_ptr<Device> device, const MatmulShape& shape);
  void describe();  // not in the constructor: what fails in the middle is destroyed
  bool choose();
  void chooseByTime(const std::vector<cublasLtMatmulHeuristicResult_t>& found);
  double timed(const cublasLtMatmulHeuristicResult_t& algorithm, struct MatmulTrial& trial);
  std::string key() const;

  std::shared_ptr<Device> device_;
  MatmulShape shape_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
  cublasLtMatmulHeuristicResult_t algorithm_{};
};

}  // namespace cugru::cuda
