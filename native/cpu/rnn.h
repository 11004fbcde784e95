// The recurrent stack: its plan, shared by the pass forward (rnn_forward.cc) and the pass back (rnn_backward.cc).
//
// Two ways to share out the work of one layer. With enough rows, a task owns some rows of the batch for all time steps of one
// direction, so that there is one fork and join per layer. With few rows, all threads take the same rows and share out the
// units of each step. Every element is one fixed chain of operations: neither choice can change a result.
#pragma once

#include "cpu/cpu_stream.h"
#include "cpu/gemm.h"
#include "cpu/rnn_layout.h"

namespace cugru::cpu {

// Rows that share one partial bias gradient; a task has a multiple of it.
constexpr int64_t kRowGroup = 4;
constexpr int64_t kMaxTaskRows = kGruRowsAtOnce;

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
  const float* x = nullptr;          // [steps][batch][inputs]
  float* projected = nullptr;        // [steps][batch][block][gate][width]; null: x is multiplied in each step
  const float* initial = nullptr;    // [batch][units]; null: zeros
  const int32_t* lengths = nullptr;  // null: full
  StateSequence states;
  float* gates = nullptr;  // [steps][batch][4 * units]
  float* last = nullptr;   // hN
  // back
  const float* dy = nullptr;  // [steps][batch][directions * units], at this direction's column
  const float* dLast = nullptr;
  float* dInitial = nullptr;
  float* carry = nullptr;      // [batch][units]
  float* biasParts = nullptr;  // [row groups][4 * units]
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

  // Some units of some rows; forward and back each have one step that all strategies share.
  struct Slice {
    int64_t firstRow, rows;
    int64_t firstBlock, lastBlock;  // of `table_.width` units
  };
  int64_t blocks() const { return (desc_.hiddenSize + table_.width - 1) / table_.width; }
  int64_t taskRows(int threads) const;
  bool sharesUnits(int threads) const;

  void forwardStep(const CellPass& pass, const float* prepared, int64_t step, const Slice& slice) const;
  void keepLast(const CellPass& pass, int64_t first, int64_t rows) const;
  void forwardUnits(const KernelArgs& args, int64_t layer, CpuStream& stream) const;
  void project(const CellPass& pass, const float* prepared, CpuStream& stream) const;

  void beginBackward(const CellPass& pass, int64_t first, int64_t rows) const;
  void endBackward(const CellPass& pass, int64_t first, int64_t rows) const;
  void backwardGates(const CellPass& pass, const float* prepared, int64_t step, const Slice& slice) const;
  void backwardState(const CellPass& pass, const float* prepared, int64_t step, const Slice& slice) const;
  void backwardUnits(const CellPass* passes, const float* prepared, int64_t layer, CpuStream& stream) const;
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
  // Floats into workspace or saved.
  int64_t gates_ = 0, sequences_ = 0, rings_ = 0, carry_ = 0, layerGradient_ = 0, biasParts_ = 0, lists_ = 0;
  int64_t projections_ = 0;
};

// task(direction, first row, rows) for every direction and slice of the batch.
template <typename Task>
void RnnKernel::eachSlice(int64_t layer, double flopFactor, CpuStream& stream, const Task& task) const {
  const double operations = flopFactor * cellFlops(layer) * static_cast<double>(desc_.directions) / 16;
  const int64_t most = taskRows(stream.threads()), tasks = (desc_.batch + most - 1) / most;
  stream.parallel(tasks * desc_.directions, operations, [&](int64_t index) {
    const int64_t direction = index / tasks, first = index % tasks * most;
    task(direction, first, desc_.batch - first < most ? desc_.batch - first : most);
  });
}

}  // namespace cugru::cpu
