// First values of parameters. Philox-driven, so a seed gives the same weights on every host and backend.
#pragma once

#include <string>

#include "core/op_desc.h"

namespace cugru {

enum class InitKind : uint8_t { zeros, constant, uniform, normal, glorotUniform, orthogonal };

struct InitSpec {
  InitKind kind = InitKind::zeros;
  double value = 0;    // constant: the value; uniform: the limit; normal: the deviation; orthogonal: the gain
  int64_t blocks = 1;  // orthogonal: the rows fall into this many blocks (gates), each orthogonal by itself
};

InitKind initKind(const std::string& name);  // ERR_VALUE lists the known ones

// ERR_VALUE when the rows do not fall into the blocks.
void checkInitializer(const ParamSpec& spec, const InitSpec& init);

// Fills `out` (spec.elements() floats) from (seed, stream); `stream` tells parameters apart.
//   glorotUniform: uniform in +-sqrt(6 / (rows + columns)) (Glorot and Bengio, 2010)
//   orthogonal: rows (or columns, when there are more rows) of a random orthogonal matrix (Saxe et al., 2013)
void initialize(const ParamSpec& spec, const InitSpec& init, uint64_t seed, uint32_t stream, float* out);

}  // namespace cugru
