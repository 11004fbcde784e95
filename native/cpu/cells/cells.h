// A stack of any cell but the GRU: one driver for all. The products are those of gemm.h; what is a cell's own are its pointwise
// functions (isa/cells.inl) and its phases (layout.h). Forward is in forward.cc, back through time in backward.cc, the weights'
// gradients in gradients.cc.
//
// A task owns some rows of the batch for all time steps of one direction: one fork and join for each layer. Every element is
// one fixed chain of operations, so neither the slices nor the threads can change a result.
#pragma once

#include <string>

#include "cpu/cells/layout.h"
#include "cpu/cpu_stream.h"

namespace cugru::cpu {

constexpr int64_t kMaxCellRows = 64;  // of one task

// Rows of a state over time. A ring keeps only the last two steps; with a stride of 0 each step takes the place of the last.
struct StepRows {
  float* base = nullptr;
  int64_t stepStride = 0, rowStride = 0;
  bool ring = false;
  float* at(int64_t step, int64_t row) const { return base + (ring ? step & 1 : step) * stepStride + row * rowStride; }
};

// One layer in one direction, with the pointers of a call. "Memory" is what a step keeps beside its gates: the cell state c,
// or r * h of gru-reset-before.
struct CellsPass {
  const CellsOffsets* offsets = nullptr;
  const float* prepared = nullptr;
  bool reverse = false;
  const float* x = nullptr;          // [steps][batch][inputs]
  const int32_t* lengths = nullptr;  // null: full
  const float* initial = nullptr;    // h0 [batch][units]; null: zeros
  const float* initialCell = nullptr;
  StepRows states, memory;
  float* gates = nullptr;  // [steps][batch][gates * units] in training, [batch][ahead][gates * units] otherwise
  float* last = nullptr;   // hN
  float* lastCell = nullptr;
  // back
  const float* dy = nullptr;  // [steps][batch][directions * units], at this direction's column
  const float* dLast = nullptr;
  const float* dLastCell = nullptr;
  float* dInitial = nullptr;
  float* dInitialCell = nullptr;
  float* carry = nullptr;        // [batch][units]
  float* memoryCarry = nullptr;  // [batch][units]
};

class CellsKernel final : public Kernel {
 public:
  CellsKernel(const OpDesc& desc, const Vectors& vectors);
  KernelSizes sizes() const override { return sizes_; }
  std::string variant() const override;
  void forward(const KernelArgs& args, Stream& stream) override;
  void backward(const KernelArgs& args, Stream& stream) override;

 private:
  struct StepLists;
  struct GradientLists;
  struct Slice {
    int64_t first, rows;
  };

  float* sequence(const KernelArgs& args, int64_t layer) const;  // of states; null: a ring
  CellsPass pass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  CellsPass backwardPass(const KernelArgs& args, int64_t layer, int64_t direction) const;
  int64_t length(const CellsPass& pass, int64_t row) const { return pass.lengths ? pass.lengths[row] : desc_.steps; }
  int64_t stepAt(const CellsPass& pass, int64_t s) const { return pass.reverse ? desc_.steps - 1 - s : s; }
  const float* before(const CellsPass& pass, const StepRows& of, const float* initial, int64_t t, int64_t row) const;
  float* gatesAt(const CellsPass& pass, int64_t s, int64_t row) const;
  void listRows(const CellsPass& pass, int64_t s, const Slice& slice, StepLists& lists) const;

  void project(const CellsPass& pass, int64_t firstStep, int64_t steps, const Slice& slice) const;
  void forwardStep(const CellsPass& pass, int64_t s, const Slice& slice) const;
  void keepLast(const CellsPass& pass, const Slice& slice) const;

  void beginBackward(const CellsPass& pass, const Slice& slice) const;
  void backwardStep(const CellsPass& pass, int64_t s, const Slice& slice) const;
  void endBackward(const CellsPass& pass, const Slice& slice) const;

  void inputGradients(const KernelArgs& args, const CellsPass* passes, int64_t layer, CpuStream& stream) const;
  void weightGradients(const KernelArgs& args, const CellsPass* passes, CpuStream& stream) const;
  void biasGradients(const KernelArgs& args, const CellsPass& pass, CpuStream& stream) const;

  template <typename Task>
  void eachSlice(int64_t layer, CpuStream& stream, const Task& task) const;

  bool hasMemory() const { return cellKind(desc_.cell).hasCellState || plan_.phases.count > 1; }
  int64_t sums() const { return desc_.gates() * desc_.hiddenSize; }

  RnnDesc desc_;
  Vectors vectors_;
  const Table& table_;
  CellsPlan plan_;
  KernelSizes sizes_;
  int64_t ahead_ = 1;  // steps that are projected at once
  // Floats into workspace or saved.
  int64_t gates_ = 0, memory_ = 0, sequences_ = 0, rings_ = 0, carry_ = 0, memoryCarry_ = 0, layerGradient_ = 0;
  int64_t biasParts_ = 0, lists_ = 0;
};

// task(direction, slice) for every direction and slice of the batch.
template <typename Task>
void CellsKernel::eachSlice(int64_t layer, CpuStream& stream, const Task& task) const {
  const double operations = static_cast<double>(sums() * (desc_.layerInput(layer) + desc_.hiddenSize)) *
                            static_cast<double>(desc_.steps * desc_.batch * desc_.directions) / 8;
  // Every task streams the weights at every step: two for each thread even out what the system takes away, no more.
  const int64_t wished = stream.threads() > 1 ? 2 * stream.threads() / desc_.directions : 1;
  const int64_t tasksWished = wished > 1 ? wished : 1, share = (desc_.batch + tasksWished - 1) / tasksWished;
  const int64_t rounded = (share + 3) / 4 * 4, most = rounded < kMaxCellRows ? rounded : kMaxCellRows;
  const int64_t tasks = (desc_.batch + most - 1) / most;
  stream.parallel(tasks * desc_.directions, operations, [&](int64_t index) {
    const int64_t first = index % tasks * most;
    task(index / tasks, Slice{first, desc_.batch - first < most ? desc_.batch - first : most});
  });
}

// What the rows of a step that take part point at, in the order of the batch.
struct CellsKernel::StepLists {
  int64_t rows = 0;
  float* gates[kMaxCellRows];
  float* candidate[kMaxCellRows];  // gates of the second phase
  const float* state[kMaxCellRows];
  const float* memoryBefore[kMaxCellRows];
  float* memory[kMaxCellRows];
};

}  // namespace cugru::cpu
