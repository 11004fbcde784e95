// A step as a CUDA graph: captured from a stream, instantiated, and launched as often as one likes.
#pragma once

#include <functional>

#include "cuda/stream.h"

namespace cugru::cuda {

// `stream` keeps what `work` queues. A capture that is lost, or a graph that is refused, is told and leaves nothing behind.
Recorded recordGraph(CudaStream& stream, const std::function<void()>& work);

}  // namespace cugru::cuda
