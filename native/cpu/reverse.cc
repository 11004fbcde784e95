// The valid steps of each row from the last to the first. The gradient is reversed in the same way.
#include "cpu/registry.h"
#include "cpu/sequence.h"

namespace cugru::cpu {

namespace {

class ReverseKernel final : public Kernel {
 public:
  explicit ReverseKernel(const OpDesc& desc) : desc_(reverseDesc(desc)) {}

  KernelSizes sizes() const override { return {}; }
  std::string variant() const override { return "cpu copy"; }

  void forward(const KernelArgs& args, Stream& stream) override {
    if (args.outputs[0] != nullptr) reverse(args, args.inputs[0], args.outputs[0], stream);
  }

  void backward(const KernelArgs& args, Stream& stream) override {
    if (args.inputGradients[0] != nullptr) reverse(args, args.outputGradients[0], args.inputGradients[0], stream);
  }

 private:
  // `source` null: zeros.
  void reverse(const KernelArgs& args, const void* source, void* target, Stream& stream) const {
    const float* from = static_cast<const float*>(source);
    float* to = static_cast<float*>(target);
    const int64_t step = desc_.stepElements();
    eachPiece(desc_, lengthsOf(args, desc_, 1), 0.5, stream, [&](const Piece& piece) {
      const int64_t length = from == nullptr ? 0 : piece.length;
      for (int64_t t = 0; t < desc_.steps; ++t) {
        float* out = to + t * step + piece.at;
        if (t < length) {
          std::copy_n(from + (length - 1 - t) * step + piece.at, piece.count, out);
        } else {
          std::fill_n(out, piece.count, 0.0f);
        }
      }
    });
  }

  SequenceDesc desc_;
};

}  // namespace

std::unique_ptr<Kernel> makeReverse(const OpDesc& desc, const Vectors&) {
  return std::make_unique<ReverseKernel>(desc);
}

}  // namespace cugru::cpu
