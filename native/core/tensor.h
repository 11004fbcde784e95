// What a tensor is, without its memory.
//
// A tensor has a batch axis that the graph leaves open (a Program fixes it), and optionally a leading axis of steps.
//   steps == 0   [batch, dims...]
//   steps  > 0   [steps, batch, dims...]   time-major, so that one step of a batch slice is contiguous,
//                                          and a stack of states is [layers * directions, batch, hidden]
// `rows` above 1 is a second, fixed axis right behind the batch's that operations treat as more batch rows:
// [steps?, batch, rows, dims...]. So a layer runs over each row of an image, or each step of a sequence, as over a batch.
// JavaScript sees the canonical order [batch, steps, rows, dims...]; a Program transposes at the edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cugru {

enum class DType : uint8_t { f32, u8, i32 };

inline size_t dtypeBytes(DType type) { return type == DType::u8 ? 1 : 4; }
const char* dtypeName(DType type);

struct TensorSpec {
  DType dtype = DType::f32;
  int64_t steps = 0;
  std::vector<int64_t> dims;
  int64_t rows = 1;

  // All of these refuse (ERR_RANGE) what does not fit in 2^46 elements.
  int64_t features() const;             // elements of one row of one step
  int64_t rowElements() const;          // elements of one batch row over all steps (and rows)
  int64_t rowsOf(int64_t batch) const;  // batch * rows: what an operation takes for its batch
  int64_t elements(int64_t batch) const;
  size_t bytes(int64_t batch) const;
  std::string describe() const;  // "[batch, steps=28, 128] f32", "[batch, rows=7, 128] f32"
};

bool operator==(const TensorSpec& a, const TensorSpec& b);

// a * b for sizes; refuses negative factors and products above 2^46 (ERR_RANGE), naming what was computed.
int64_t checkedMul(int64_t a, int64_t b, const char* what);

}  // namespace cugru
