// Which of cuDNN's algorithms runs a recurrent stack: the fastest of those whose results are those of the standard one.
#pragma once

#include <string>

#include "cuda/rnn_passes.h"

namespace cugru::cuda {

struct RnnCall {
  RnnForm form;
  int64_t steps = 0, batch = 0;
  bool training = false;
};

// "standard", "small-h/standard": forward and back.
std::string wordsFor(RnnAlgorithms algorithms);

// What CUGRU_CUDA_ALGO asks for; else what was kept on disk, or with the model; else what is measured now, unless `mayMeasure` is false or
// CUGRU_CUDA_TIMING is off: then the standard one. ERR_VALUE for a word that names none. Trying needs memory for as much as the call
// itself, and where that is not there the standard one is taken.
RnnAlgorithms chooseRnn(const std::shared_ptr<Device>& device, const RnnCall& call, bool mayMeasure);

}  // namespace cugru::cuda
