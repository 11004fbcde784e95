// The recurrent stack: its plan, shared by the pass forward (rnn_forward.cc) and the pass back (rnn_backward.cc).
//
// A task owns some rows of the batch for all time steps of one layer and direction, so that there is one fork and join per
// layer. Rows are independent of each other: how they are shared out cannot change a result.
#pragma once

#include "cpu/cpu_stream.h"
#include "cpu/gemm.h"
#include "cpu/rnn_layout.h"

namespace cugru::cpu {

// A task's rows. Multiples of kRowGroup, whose rows share one partial bias gradient.
constexpr int64_t kRowGroup = 4;
constexpr int64_t kMaxTaskRows = 32;

// States of one layer and direction over time; a ring keeps only the last two steps.
struct StateSequence {
  float* base = nullptr;
  int64_t stepStride = 0, rowStride = 0;
  bool ring = false;
  float* at(int64_t step, int64_t row) const { return base + (ring ? step & 1 : step) * stepStride + row * rowStride; }
};

// One layer in one direction, with the pointers of a call.
struct CellPass {
  const CellOffsets* offsets = nullptr;
  bool reverse = false;
  const float* x = nullptr;            // [steps][batch][inputs]
  const float* initial = nullptr;      // [batch][units]; null: zeros
  const int32_t* lengths = nullptr;    // null: full
  StateSequence states;
  float* gates = nullptr;              // [steps][batch][4 * units]
  float* last = nullptr;               // hN
  // back
  const float* dy = nullptr;           // [steps][batch][directions * units], at this direction's column
  const float* dLast = nullptr;
  float* dInitial = nullptr;
  float* carry = nullptr;              // [batch][units]
  float* biasParts = nullptr;          // [row groups][4 * units]
};

class RnnKernel final : public Kernel {
 public:
  RnnKernel(const OpDesc& desc, const Vectors& vectors);
  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override;
  void forward(const KernelArgs& args, Stream& stream) override;
  void backward(const KernelArgs& args, Stream& stream) override;

 private:
  struct Lists;

  CellPass pass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  CellPass backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  float* sequence(const KernelArgs& args, int64_t layer) const;  // of states; null: a ring
  double cellFlops(int64_t layer) const;
  int64_t length(const CellPass& pass, int64_t row) const { return pass.lengths ? pass.lengths[row] : desc_.steps; }
  const float* stateBefore(const CellPass& pass, const float* zeros, int64_t step, int64_t row) const;

  void forwardRows(const CellPass& pass, const float* prepared, int64_t first, int64_t rows) const;
  void backwardRows(const CellPass& pass, const float* prepared, int64_t first, int64_t rows) const;
  int64_t backwardGates(const CellPass& pass, const float* zeros, int64_t step, int64_t first, int64_t rows,
                        float** gates, float** carry) const;
  void inputGradients(const KernelArgs& args, const CellPass* passes, int64_t layer, CpuStream& stream) const;
  void weightGradients(const KernelArgs& args, const CellPass* passes, CpuStream& stream) const;
  void biasGradients(const CellPass& pass, float* gradients) const;

  template <typename Task>
  void eachSlice(int64_t layer, double flopFactor, CpuStream& stream, const Task& task) const;

  RnnDesc desc_;
  Vectors vectors_;
  const Table& table_;
  RnnOffsets offsets_;
  KernelSizes sizes_;
  int64_t taskRows_ = 0, tasks_ = 0;
  // Floats into workspace or saved.
  int64_t gates_ = 0, sequences_ = 0, rings_ = 0, carry_ = 0, layerGradient_ = 0, biasParts_ = 0, lists_ = 0;
};

// task(direction, first row, rows) for every direction and slice of the batch.
template <typename Task>
void RnnKernel::eachSlice(int64_t layer, double flopFactor, CpuStream& stream, const Task& task) const {
  const double operations = flopFactor * cellFlops(layer) * static_cast<double>(desc_.directions) / 16;
  stream.parallel(tasks_ * desc_.directions, operations, [&](int64_t index) {
    const int64_t direction = index / tasks_, first = index % tasks_ * taskRows_;
    const int64_t left = desc_.batch - first;
    task(direction, first, left < taskRows_ ? left : taskRows_);
  });
}

}  // namespace cugru::cpu
