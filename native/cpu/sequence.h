// Walking over sequences: what the kernels that read them step by step share.
#pragma once

#include <algorithm>

#include "core/ops/sequence.h"
#include "cpu/cpu_stream.h"

namespace cugru::cpu {

// Elements of memory that are neighbours in each step and have the same length: a row, or many rows when all have all steps.
struct Piece {
  int64_t at, count;  // in a step
  int64_t length;     // valid steps
};

// body(piece) for all pieces, shared out by blocks of rows; `operations` for each element.
template <typename Body>
void eachPiece(const SequenceDesc& desc, const int32_t* lengths, double operations, Stream& stream, const Body& body) {
  const int64_t row = std::max<int64_t>(1, desc.steps * desc.features);
  const int64_t block = std::max<int64_t>(std::max<int64_t>(1, 16 / std::max<int64_t>(1, desc.features)), 8192 / row);
  const double cost = operations * static_cast<double>(row);
  cpu(stream).blocks(desc.rows, block, cost, [&](int64_t first, int64_t count) {
    if (lengths == nullptr) return body(Piece{first * desc.features, count * desc.features, desc.steps});
    for (int64_t r = first; r < first + count; ++r) body(Piece{r * desc.features, desc.features, lengths[r]});
  });
}

inline const int32_t* lengthsOf(const KernelArgs& args, const SequenceDesc& desc, size_t index) {
  return desc.hasLengths ? static_cast<const int32_t*>(args.inputs[index]) : nullptr;
}

}  // namespace cugru::cpu
