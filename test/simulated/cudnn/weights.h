// Where parameters lie in the weight space: on purpose not in any order that one would guess, and with gaps between them.
#pragma once

#include "cudnn/descriptors.h"

namespace simulated {

struct WeightPlace {
  bool present = false;
  size_t offset = 0;  // in bytes
  int rows = 0, columns = 0;
  size_t count() const { return static_cast<size_t>(rows) * columns; }
};

class WeightLayout {
 public:
  explicit WeightLayout(const RnnDescriptor& rnn);
  // linLayer: the gates on the input in cuDNN's order, then those on the state.
  const WeightPlace& matrix(int pseudoLayer, int linLayer) const { return matrices_[pseudoLayer][linLayer]; }
  const WeightPlace& bias(int pseudoLayer, int linLayer) const { return biases_[pseudoLayer][linLayer]; }
  size_t bytes() const { return bytes_; }
  // The first byte that belongs to no parameter and is not 0; bytes() when there is none.
  size_t dirtyGap(const unsigned char* weights) const;

 private:
  WeightPlace place(int rows, int columns, size_t elementBytes);
  std::vector<std::vector<WeightPlace>> matrices_, biases_;
  std::vector<std::pair<size_t, size_t>> gaps_;  // begin, end
  size_t bytes_ = 0;
};

}  // namespace simulated
