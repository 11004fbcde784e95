// What a tensor is, without its memory.
//
// A tensor has a batch axis that the graph leaves open (a Program fixes it), and optionally a leading axis of steps.
//   steps == 0   [batch, dims...]
//   steps  > 0   [steps, batch, dims...]   time-major, so that one step of a batch slice is contiguous,
//                                          and a stack of states is [layers * directions, batch, hidden]
// JavaScript sees the canonical order [batch, steps, dims...]; a Program transposes at the edge.
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

  // All three refuse (ERR_RANGE) what does not fit in 2^46 elements.
  int64_t features() const;     // elements of one row of one step
  int64_t rowElements() const;  // elements of one batch row over all steps
  int64_t elements(int64_t batch) const;
  size_t bytes(int64_t batch) const;
  std::string describe() const;  // "[batch, steps=28, 128] f32"
};

bool operator==(const TensorSpec& a, const TensorSpec& b);

// a * b for sizes; refuses negative factors and products above 2^46 (ERR_RANGE), naming what was computed.
int64_t checkedMul(int64_t a, int64_t b, const char* what);

}  // namespace cugru
