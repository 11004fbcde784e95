// The head of the reserve space: whose forward pass it holds, and how far the backward passes have come.
#pragma once

#include <cstdint>
#include <string>

#include "cudnn/descriptors.h"

namespace simulated {

struct ReserveHeader {
  static constexpr uint64_t kMagic = 0x5245534552564531;
  uint64_t magic = 0, stage = 0, shape = 0, algo = 0;
  uint64_t x = 0, y = 0, hx = 0, cx = 0, weights = 0;  // checksums
};

// How far: what may come next follows from it.
enum ReserveStage : uint64_t { kForwardDone = 1, kBackwardDataDone = 2 };

uint64_t shapeSignature(const RnnDescriptor& rnn, const DataDescriptor& data);

// "" or what is wrong with using this reserve space for this pass. `before` is the stage that must have been reached.
std::string checkReserve(const ReserveHeader& header, const RnnDescriptor& rnn, const DataDescriptor& data,
                         ReserveStage before);

}  // namespace simulated
