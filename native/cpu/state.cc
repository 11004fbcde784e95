// What one run leaves to the next: a copy out of the buffers, or into them.
#include <algorithm>

#include "core/error.h"
#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class StateKernel final : public Kernel {
 public:
  explicit StateKernel(const OpDesc& desc) : desc_(stateDesc(desc)) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu copy"; }

  void forward(const KernelArgs& args, Stream&) override {
    if (!desc_.writes) {
      std::copy_n(args.buffers, desc_.elements(), static_cast<float*>(args.outputs[0]));
      return;
    }
    const float* x = static_cast<const float*>(args.inputs[0]);
    const int64_t rows = std::min(args.control->validRows * desc_.rowsOfBatch, desc_.rows);
    for (int64_t t = 0; t < desc_.steps; ++t) {
      std::copy_n(x + t * desc_.stepElements(), rows * desc_.features, args.buffers + t * desc_.stepElements());
    }
  }

  void backward(const KernelArgs&, Stream&) override { fail(code::kInternal, "state has no gradient"); }

 private:
  StateDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeState(const OpDesc& desc, const Vectors&) { return std::make_unique<StateKernel>(desc); }

}  // namespace cugru::cpu
