// The read-out of the last layer's final states: a copy that puts directions side by side.
#include <algorithm>

#include "core/ops/ops.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru::cpu {

namespace {

class LastStateKernel final : public Kernel {
 public:
  explicit LastStateKernel(const OpDesc& desc) : desc_(lastStateDesc(desc)) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu copy"; }

  void forward(const KernelArgs& args, Stream&) override {
    const float* states = static_cast<const float*>(args.inputs[0]);
    float* out = static_cast<float*>(args.outputs[0]);
    if (out == nullptr) return;
    eachRow(
        [&](int64_t state, int64_t column) { std::copy(states + state, states + state + desc_.units, out + column); });
  }

  void backward(const KernelArgs& args, Stream&) override {
    float* dStates = static_cast<float*>(args.inputGradients[0]);
    if (dStates == nullptr) return;
    const float* dy = static_cast<const float*>(args.outputGradients[0]);
    const int64_t below = dy == nullptr ? desc_.states : desc_.states - desc_.directions;  // states without a reader
    std::fill_n(dStates, below * desc_.batch * desc_.units, 0.0f);
    if (dy == nullptr) return;
    eachRow([&](int64_t state, int64_t column) { std::copy(dy + column, dy + column + desc_.units, dStates + state); });
  }

 private:
  // body(offset into the states, offset into the output) for each run of `units`.
  template <typename Body>
  void eachRow(const Body& body) const {
    for (int64_t d = 0; d < desc_.directions; ++d) {
      for (int64_t row = 0; row < desc_.batch; ++row) {
        body(((desc_.states - desc_.directions + d) * desc_.batch + row) * desc_.units,
             (row * desc_.directions + d) * desc_.units);
      }
    }
  }

  LastStateDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeLastState(const OpDesc& desc, const Vectors&) {
  return std::make_unique<LastStateKernel>(desc);
}

}  // namespace cugru::cpu
