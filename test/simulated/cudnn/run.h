// Running a pass, when its time comes: addresses and copies of the descriptors, and nothing else.
#pragma once

#include "cudnn/descriptors.h"

namespace simulated {

struct RnnCall {
  RnnDescriptor rnn;
  DataDescriptor x, y;
  const int32_t* lengths = nullptr;  // on the device; null when it is not looked at
  const void *xData = nullptr, *yData = nullptr, *dyData = nullptr;
  void *yOut = nullptr, *dxOut = nullptr;
  const void *hx = nullptr, *cx = nullptr, *dhy = nullptr, *dcy = nullptr;
  void *hy = nullptr, *cy = nullptr, *dhx = nullptr, *dcx = nullptr;
  const void* weights = nullptr;
  void* dweights = nullptr;
  void *work = nullptr, *reserve = nullptr;
  size_t workBytes = 0, reserveBytes = 0;
  bool training = false;
  bool wrong = false;  // gives what is not right

  size_t stateCount() const { return static_cast<size_t>(x.batch) * rnn.hiddenSize; }  // of one pseudo-layer
};

CUresult runForward(Context& context, const RnnCall& call);
CUresult runBackwardData(Context& context, const RnnCall& call);
CUresult runBackwardWeights(Context& context, const RnnCall& call);

}  // namespace simulated
