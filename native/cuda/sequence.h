// What the kernels that read sequences step by step share.
#pragma once

#include "core/backend.h"
#include "core/ops/sequence.h"

namespace cugru::cuda {

// Null: all steps are valid.
inline const int32_t* lengthsOf(const KernelArgs& args, const SequenceDesc& desc, size_t index) {
  return desc.hasLengths ? static_cast<const int32_t*>(args.inputs[index]) : nullptr;
}

inline size_t bytesOf(const SequenceDesc& desc) { return static_cast<size_t>(desc.elements()) * sizeof(float); }

}  // namespace cugru::cuda
