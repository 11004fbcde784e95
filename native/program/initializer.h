// First values of parameters. Philox-driven, so a seed gives the same weights on every host and backend.
#pragma once

#include <string>
#include <vector>

#include "core/op_desc.h"

namespace cugru {

enum class InitKind : uint8_t {
  zeros,
  constant,
  uniform,
  normal,
  glorotUniform,
  orthogonal,
  chrono,
  uniformGate,
  negated,
  parts
};

struct InitSpec {
  InitKind kind = InitKind::zeros;
  // constant: the value; uniform: the limit; normal: the deviation; orthogonal: the gain; chrono: the longest memory in steps;
  // negated: the number of the part to take
  double value = 0;
  int64_t blocks = 1;  // orthogonal: the rows fall into this many blocks (gates), each orthogonal by itself
  std::vector<InitSpec>
      parts;  // parts: the rows fall into this many blocks (gates), each with an initializer of its own
};

InitKind initKind(const std::string& name);  // ERR_VALUE lists the known ones

// ERR_VALUE when the rows do not fall into the blocks, or a value is out of range.
void checkInitializer(const ParamSpec& spec, const InitSpec& init);

// Fills `out` (spec.elements() floats) from (seed, stream); `stream` tells parameters apart.
//   glorotUniform: uniform in +-sqrt(6 / (rows + columns)) (Glorot and Bengio, 2010)
//   orthogonal: rows (or columns, when there are more rows) of a random orthogonal matrix (Saxe et al., 2013)
//   chrono: log u, u uniform in [1, longest - 1]: a gate that forgets after 2 to `longest` steps (Tallec and Ollivier, 2018)
//   uniformGate: log(u / (1 - u)), u uniform in [1 / units, 1 - 1 / units]: a gate at u (Gu et al., 2020)
void initialize(const ParamSpec& spec, const InitSpec& init, uint64_t seed, uint32_t stream, float* out);

}  // namespace cugru
