// The recurrences, in double precision, for one direction of one layer. Sequences are [steps][batch][width], with nothing in steps that
// a sequence does not have. h and c are [batch][hidden]; null stands for zeros, or for what nobody wants.
#pragma once

#include "cudnn/weights.h"

namespace simulated {

// Of one pseudo-layer, once as they are and once transposed; gates side by side.
struct Parameters {
  std::vector<double> input, inputTransposed;          // [gates * hidden][width], [width][gates * hidden]
  std::vector<double> recurrent, recurrentTransposed;  // [gates * hidden][hidden], ...
  std::vector<double> inputBias, recurrentBias;        // [gates * hidden], zeros where there is none
};
Parameters readParameters(const RnnDescriptor& rnn, const WeightLayout& layout, const void* weights, int pseudoLayer);

// What a training forward keeps: per step and sequence kSlots rows of `hidden`. GRU: r, z, n, R_n h + b; LSTM: i, f, g, o, c; else
// one row that only the backward pass uses. The backward pass puts the gates' gradients in their places.
inline constexpr int kSlots = 5;

struct Pass {
  const RnnDescriptor* rnn;
  int steps, batch, layer, direction;
  const std::vector<int>* lengths;
  int width;  // of the input

  // Where the sequence starts and which way it goes.
  int first(int sequence) const { return direction == 0 ? 0 : (*lengths)[sequence] - 1; }
  int next(int step) const { return direction == 0 ? step + 1 : step - 1; }
  size_t cell(int step, int sequence) const { return static_cast<size_t>(step) * batch + sequence; }
};

// out: [steps][batch][directions * hidden], of which it fills its direction's half. kept: see kSlots.
void forwardDirection(const Pass& pass, const Parameters& parameters, const double* in, const double* h0,
                      const double* c0, double* out, double* kept, double* hN, double* cN);

// dIn is added to.
void backwardDirection(const Pass& pass, const Parameters& parameters, const double* out, const double* h0,
                       const double* c0, const double* dOut, const double* dhN, const double* dcN, double* kept,
                       double* dIn, double* dh0, double* dc0);

// Gradients of the parameters, from the gates' gradients that backwardDirection left; only the members that are not transposed.
Parameters weightGradients(const Pass& pass, const double* in, const double* out, const double* h0, const double* kept);

}  // namespace simulated
