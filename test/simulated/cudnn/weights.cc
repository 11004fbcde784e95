#include "cudnn/weights.h"

namespace simulated {

WeightPlace WeightLayout::place(int rows, int columns, size_t elementBytes) {
  constexpr size_t kGap = 48, kAlignment = 16;
  WeightPlace made{true, (bytes_ + kGap + kAlignment - 1) / kAlignment * kAlignment, rows, columns};
  gaps_.emplace_back(bytes_, made.offset);
  bytes_ = made.offset + made.count() * elementBytes;
  return made;
}

// The last pseudo-layer first; in it biases before matrices, the state's before the input's, and the gates backwards.
WeightLayout::WeightLayout(const RnnDescriptor& rnn) {
  const int pseudoLayers = rnn.layers * rnn.directions(), gates = rnn.gates();
  const size_t element = sizeOf(numberOf(rnn.type));
  matrices_.assign(pseudoLayers, std::vector<WeightPlace>(2 * gates));
  biases_ = matrices_;
  for (int pseudo = pseudoLayers - 1; pseudo >= 0; pseudo--) {
    for (int id = 2 * gates - 1; id >= 0; id--) {
      const bool present = id < gates ? rnn.inputBias() : rnn.recurrentBias();
      if (present) biases_[pseudo][id] = place(rnn.hiddenSize, 1, element);
    }
    for (int id = 2 * gates - 1; id >= 0; id--) {
      const int columns = id < gates ? rnn.widthInto(pseudo / rnn.directions()) : rnn.hiddenSize;
      matrices_[pseudo][id] = place(rnn.hiddenSize, columns, element);
    }
  }
  const size_t end = (bytes_ + 63) / 16 * 16;
  gaps_.emplace_back(bytes_, end);
  bytes_ = end;
}

size_t WeightLayout::dirtyGap(const unsigned char* weights) const {
  for (const auto& [begin, end] : gaps_) {
    for (size_t at = begin; at < end; at++) {
      if (weights[at] != 0) return at;
    }
  }
  return bytes_;
}

}  // namespace simulated
