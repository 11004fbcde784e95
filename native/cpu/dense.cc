// Dense: activation(x W^T + b) on the last axis, from panels packed once per update.
#include <algorithm>

#include "core/error.h"
#include "core/ops/ops.h"
#include "cpu/gemm.h"
#include "cpu/layouts.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

constexpr int64_t kBiasRows = 64;    // rows of one partial sum of the bias gradient
constexpr int64_t kBlock = 8192;     // elements of one task of the activation's gradient
constexpr int64_t kPanelTasks = 16;  // tasks of prepare for each of the two forms

// Panels for the way forward (depth: inputs) and, 64-byte aligned, for the way back (depth: units).
struct DensePanels {
  int64_t forward = 0, back = 0, floats = 0;
  DensePanels(int64_t inputs, int64_t units, const Table& table) {
    back = ceilDiv(panelFloats(inputs, units, table.panel), 16) * 16;
    floats = back + panelFloats(units, inputs, table.panel);
  }
};

class DenseLayout final : public PlainLayout {
 public:
  DenseLayout(const GroupDesc& group, const Vectors& vectors)
      : PlainLayout(group),
        table_(*vectors.table),
        units_(group.params.at(0).shape.at(0)),
        inputs_(group.params.at(0).shape.at(1)),
        panels_(inputs_, units_, table_) {}

  size_t preparedBytes() const override { return static_cast<size_t>(panels_.floats) * sizeof(float); }

  void prepare(const float* params, void* prepared, Stream& stream) const override {
    float* to = static_cast<float*>(prepared);
    const PanelSource forward{params, inputs_, units_, 1, inputs_};
    const PanelSource back{params, units_, inputs_, inputs_, 1};
    const double operations = 2.0 * static_cast<double>(inputs_) * static_cast<double>(units_);
    cpu(stream).parallel(2 * kPanelTasks, operations, [&](int64_t task) {
      const PanelSource& source = task < kPanelTasks ? forward : back;
      const int64_t part = task % kPanelTasks, blocks = ceilDiv(source.columns, table_.panel);
      packPanels(source, table_.panel, blocks * part / kPanelTasks, blocks * (part + 1) / kPanelTasks,
                 to + (task < kPanelTasks ? panels_.forward : panels_.back));
    });
  }

 private:
  const Table& table_;
  int64_t units_, inputs_;
  DensePanels panels_;
};

class DenseKernel final : public Kernel {
 public:
  DenseKernel(const OpDesc& desc, const Vectors& vectors)
      : desc_(denseDesc(desc)),
        vectors_(vectors),
        table_(*vectors.table),
        panels_(desc_.inputs, desc_.units, table_),
        training_(desc.training) {}

  KernelSizes sizes() const override {
    if (!training_) return {};
    return {static_cast<size_t>(gradientFloats() + biasBlocks() * desc_.units) * sizeof(float), 0};
  }
  std::string variant() const override { return "cpu packed " + vectors_.name; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] == nullptr) return;
    RowsProduct p;
    p.panels = static_cast<const float*>(args.prepared) + panels_.forward;
    p.rows = desc_.rows;
    p.depth = desc_.inputs;
    p.columns = desc_.units;
    p.a = static_cast<const float*>(args.inputs[0]);
    p.strideA = desc_.inputs;
    p.c = static_cast<float*>(args.outputs[0]);
    p.strideC = desc_.units;
    p.bias = desc_.hasBias ? args.params + desc_.units * desc_.inputs : nullptr;
    p.activation = static_cast<int>(desc_.activation);
    multiplyRows(table_, cpu(stream), &p, 1);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    float* dx = static_cast<float*>(args.inputGradients[0]);
    if (args.outputGradients[0] == nullptr) {
      if (dx != nullptr) std::fill_n(dx, desc_.rows * desc_.inputs, 0.0f);
      return;
    }
    const float* dy = linearGradient(args, cpu(stream));
    if (dx != nullptr) inputGradient(args, dy, dx, cpu(stream));
    if (args.paramGradients == nullptr) return;
    weightGradient(args, dy, cpu(stream));
    if (desc_.hasBias) biasGradient(args, dy, cpu(stream));
  }

 private:
  int64_t biasBlocks() const { return ceilDiv(desc_.rows, kBiasRows); }
  int64_t gradientFloats() const {
    return desc_.activation == Activation::linear ? 0 : ceilDiv(desc_.rows * desc_.units, 16) * 16;
  }

  // The gradient before the activation.
  const float* linearGradient(const KernelArgs& args, CpuStream& stream) const {
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    if (desc_.activation == Activation::linear) return dy;
    const float* y = static_cast<const float*>(args.outputs[0]);
    float* to = static_cast<float*>(args.workspace);
    stream.blocks(desc_.rows * desc_.units, kBlock, 0.5, [&](int64_t first, int64_t count) {
      table_.activationGradient(y + first, dy + first, to + first, count, static_cast<int>(desc_.activation));
    });
    return to;
  }

  void inputGradient(const KernelArgs& args, const float* dy, float* dx, CpuStream& stream) const {
    RowsProduct p;
    p.panels = static_cast<const float*>(args.prepared) + panels_.back;
    p.rows = desc_.rows;
    p.depth = desc_.units;
    p.columns = desc_.inputs;
    p.a = dy;
    p.strideA = desc_.units;
    p.c = dx;
    p.strideC = desc_.inputs;
    multiplyRows(table_, stream, &p, 1);
  }

  void weightGradient(const KernelArgs& args, const float* dy, CpuStream& stream) const {
    OuterProduct p;
    p.a = dy;
    p.strideA = desc_.units;
    p.b = static_cast<const float*>(args.inputs[0]);
    p.strideB = desc_.inputs;
    p.depth = desc_.rows;
    p.height = desc_.units;
    p.columns = desc_.inputs;
    p.c = args.paramGradients;
    addOuterProducts(table_, stream, &p, 1);
  }

  // Partial sums over fixed blocks of rows, added in order.
  void biasGradient(const KernelArgs& args, const float* dy, CpuStream& stream) const {
    const int64_t units = desc_.units;
    float* parts = static_cast<float*>(args.workspace) + gradientFloats();
    const double operations = static_cast<double>(desc_.rows) * static_cast<double>(units) / 8;
    stream.parallel(biasBlocks(), operations, [&](int64_t block) {
      const int64_t row = block * kBiasRows;
      std::fill_n(parts + block * units, units, 0.0f);
      table_.addRows(dy + row * units, units, std::min(kBiasRows, desc_.rows - row), parts + block * units, units);
    });
    table_.addRows(parts + units, units, biasBlocks() - 1, parts, units);
    float* gradient = args.paramGradients + units * desc_.inputs;
    table_.add(gradient, parts, gradient, units);
  }

  DenseDesc desc_;
  Vectors vectors_;
  const Table& table_;
  DensePanels panels_;
  bool training_;
};

}  // namespace

std::unique_ptr<Kernel> makeDense(const OpDesc& desc, const Vectors& vectors) {
  return std::make_unique<DenseKernel>(desc, vectors);
}

std::unique_ptr<ParameterLayout> makeDenseLayout(const GroupDesc& group, const Vectors& vectors) {
  if (group.params.empty() || group.params[0].shape.size() != 2) {
    fail(code::kGraph, "group '", group.name, "' of a dense layer must begin with weight (units, inputs)");
  }
  return std::make_unique<DenseLayout>(group, vectors);
}

}  // namespace cugru::cpu
