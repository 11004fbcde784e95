#include "cudnn/run.h"

#include <cstring>

#include "cudnn/limits.h"
#include "cudnn/network.h"
#include "cudnn/reserve.h"

namespace simulated {

namespace {

using Values = std::vector<double>;

// [steps][batch][width], with zeros in steps that a sequence does not have.
Values readSequences(const DataDescriptor& desc, const void* from) {
  const auto width = static_cast<size_t>(desc.width);
  Values out(static_cast<size_t>(desc.steps) * desc.batch * width, 0.0);
  const Number type = numberOf(desc.type);
  for (int b = 0; b < desc.batch; b++) {
    for (int step = 0; step < desc.lengths[b]; step++) {
      double* const row = &out[(static_cast<size_t>(step) * desc.batch + b) * width];
      const size_t at = desc.rowOf(step, b) * width;
      for (size_t i = 0; i < width; i++) row[i] = load(type, from, at + i);
    }
  }
  return out;
}

// `fill`: whether padding is written over too.
void writeSequences(const DataDescriptor& desc, void* to, const Values& values, bool fill) {
  const auto width = static_cast<size_t>(desc.width);
  const Number type = numberOf(desc.type);
  const bool packed = desc.layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
  for (int b = 0; b < desc.batch; b++) {
    for (int step = 0; step < desc.steps; step++) {
      const bool padding = step >= desc.lengths[b];
      if (padding && (packed || !fill)) break;
      const size_t at = desc.rowOf(step, b) * width, from = (static_cast<size_t>(step) * desc.batch + b) * width;
      for (size_t i = 0; i < width; i++) store(type, to, at + i, padding ? desc.fill : values[from + i]);
    }
  }
}

// Of all pseudo-layers; none when the pointer is null.
Values readState(const RnnCall& call, const void* from) {
  const size_t count = call.stateCount() * call.rnn.layers * call.rnn.directions();
  return from != nullptr ? loadAll(numberOf(call.rnn.type), from, count) : Values();
}

void writeState(const RnnCall& call, void* to, const Values& values) {
  for (size_t i = 0; to != nullptr && i < values.size(); i++) store(numberOf(call.rnn.type), to, i, values[i]);
}

const double* part(const RnnCall& call, const Values& state, int pseudo) {
  return state.empty() ? nullptr : state.data() + pseudo * call.stateCount();
}

double* part(const RnnCall& call, Values& state, int pseudo) {
  return state.empty() ? nullptr : state.data() + pseudo * call.stateCount();
}

Pass passOf(const RnnCall& call, int layer, int direction) {
  return {&call.rnn, call.x.steps, call.x.batch, layer, direction, &call.x.lengths, call.rnn.widthInto(layer)};
}

void poison(void* memory, size_t bytes) { std::memset(memory, 0xFF, bytes); }

Values readReserve(const RnnCall& call, size_t at, size_t count) {
  Values values(count);
  std::memcpy(values.data(), static_cast<char*>(call.reserve) + at, count * sizeof(double));
  return values;
}

void writeReserve(const RnnCall& call, size_t at, const Values& values) {
  std::memcpy(static_cast<char*>(call.reserve) + at, values.data(), values.size() * sizeof(double));
}

ReserveHeader readHeader(const RnnCall& call) {
  ReserveHeader header;
  std::memcpy(&header, call.reserve, sizeof(header));
  return header;
}

CUresult checkLengths(Context& context, const RnnCall& call, const char* name) {
  if (call.lengths == nullptr) return CUDA_SUCCESS;
  for (int b = 0; b < call.x.batch; b++) {
    if (call.lengths[b] == call.x.lengths[b]) continue;
    return fail(context, CUDA_ERROR_LAUNCH_FAILED,
                join(name, ": devSeqLengths differs from the descriptor's lengths at ", b));
  }
  return CUDA_SUCCESS;
}

uint64_t checksumOfWeights(const RnnCall& call) {
  const size_t count = WeightLayout(call.rnn).bytes() / sizeOf(numberOf(call.rnn.type));
  return checksum(loadAll(numberOf(call.rnn.type), call.weights, count));
}

CUresult misuse(Context& context, const char* name, const std::string& what) {
  return fail(context, CUDA_ERROR_LAUNCH_FAILED, join(name, ": ", what));
}

struct Changed {
  const char* name;
  uint64_t then, now;
};

std::string firstChanged(std::initializer_list<Changed> all) {
  for (const Changed& one : all) {
    if (one.then != one.now) return join(one.name, " is not what it was in the forward pass");
  }
  return "";
}

// A tenth too much.
void spoil(const RnnCall& call, Values& values) {
  for (size_t i = 0; call.wrong && i < values.size(); i++) values[i] *= 1.1;
}

}  // namespace

CUresult runForward(Context& context, const RnnCall& call) {
  const char* const name = "cudnnRNNForward";
  if (const CUresult result = checkLengths(context, call, name); result != CUDA_SUCCESS) return result;
  const WeightLayout weights(call.rnn);
  if (const size_t dirty = weights.dirtyGap(static_cast<const unsigned char*>(call.weights)); dirty < weights.bytes()) {
    return misuse(context, name, join("the weight space is not 0 at byte ", dirty, ", which belongs to no parameter"));
  }
  poison(call.work, call.workBytes);
  if (call.reserve != nullptr) poison(call.reserve, call.reserveBytes);
  const ReserveLayout layout(call.rnn, call.x);
  const Values hx = readState(call, call.hx), cx = readState(call, call.cx), x = readSequences(call.x, call.xData);
  Values hy(call.stateCount() * call.rnn.layers * call.rnn.directions()), cy(hy.size());
  Values in = x;
  for (int layer = 0; layer < call.rnn.layers; layer++) {
    Values out(layout.outDoubles, 0.0);
    for (int direction = 0; direction < call.rnn.directions(); direction++) {
      const int pseudo = layer * call.rnn.directions() + direction;
      Values kept(layout.keptDoubles, 0.0);
      forwardDirection(passOf(call, layer, direction), readParameters(call.rnn, weights, call.weights, pseudo),
                       in.data(), part(call, hx, pseudo), part(call, cx, pseudo), out.data(), kept.data(),
                       part(call, hy, pseudo), part(call, cy, pseudo));
      if (call.training) writeReserve(call, layout.keptAt(pseudo), kept);
    }
    if (call.training) writeReserve(call, layout.outAt(layer), out);
    in = std::move(out);
  }
  spoil(call, in);
  writeSequences(call.y, call.yOut, in, call.y.fills);
  writeState(call, call.hy, hy);
  if (call.rnn.cell == CUDNN_LSTM) writeState(call, call.cy, cy);
  if (call.training) {
    const ReserveHeader header{ReserveHeader::kMagic,
                               kForwardDone,
                               shapeSignature(call.rnn, call.x),
                               static_cast<uint64_t>(call.rnn.algo),
                               checksum(x),
                               checksum(readSequences(call.y, call.yOut)),
                               checksum(hx),
                               checksum(cx),
                               checksumOfWeights(call)};
    std::memcpy(call.reserve, &header, sizeof(header));
  }
  return CUDA_SUCCESS;
}

CUresult runBackwardData(Context& context, const RnnCall& call) {
  const char* const name = "cudnnRNNBackwardData_v8";
  if (const CUresult result = checkLengths(context, call, name); result != CUDA_SUCCESS) return result;
  ReserveHeader header = readHeader(call);
  const Values hx = readState(call, call.hx), cx = readState(call, call.cx);
  std::string wrong = checkReserve(header, call.rnn, call.x, kForwardDone);
  if (wrong.empty()) {
    wrong = firstChanged({{"y", header.y, checksum(readSequences(call.y, call.yData))},
                          {"hx", header.hx, checksum(hx)},
                          {"cx", header.cx, checksum(cx)},
                          {"the weight space", header.weights, checksumOfWeights(call)}});
  }
  if (!wrong.empty()) return misuse(context, name, wrong);
  poison(call.work, call.workBytes);
  const ReserveLayout layout(call.rnn, call.x);
  const WeightLayout weights(call.rnn);
  const Values dhy = readState(call, call.dhy), dcy = readState(call, call.dcy);
  Values dhx(call.stateCount() * call.rnn.layers * call.rnn.directions()), dcx(dhx.size());
  Values dOut = readSequences(call.y, call.dyData);
  for (int layer = call.rnn.layers - 1; layer >= 0; layer--) {
    const Values out = readReserve(call, layout.outAt(layer), layout.outDoubles);
    Values dIn(static_cast<size_t>(call.x.steps) * call.x.batch * call.rnn.widthInto(layer), 0.0);
    for (int direction = 0; direction < call.rnn.directions(); direction++) {
      const int pseudo = layer * call.rnn.directions() + direction;
      Values kept = readReserve(call, layout.keptAt(pseudo), layout.keptDoubles);
      backwardDirection(passOf(call, layer, direction), readParameters(call.rnn, weights, call.weights, pseudo),
                        out.data(), part(call, hx, pseudo), part(call, cx, pseudo), dOut.data(),
                        part(call, dhy, pseudo), part(call, dcy, pseudo), kept.data(), dIn.data(),
                        part(call, dhx, pseudo), part(call, dcx, pseudo));
      writeReserve(call, layout.keptAt(pseudo), kept);
    }
    dOut = std::move(dIn);
  }
  spoil(call, dOut);
  writeSequences(call.x, call.dxOut, dOut, false);
  writeState(call, call.dhx, dhx);
  if (call.rnn.cell == CUDNN_LSTM) writeState(call, call.dcx, dcx);
  header.stage = kBackwardDataDone;
  std::memcpy(call.reserve, &header, sizeof(header));
  return CUDA_SUCCESS;
}

namespace {

void addTo(const RnnCall& call, const WeightPlace& place, const double* values) {
  if (!place.present) return;
  const Number type = numberOf(call.rnn.type);
  void* const to = static_cast<char*>(call.dweights) + place.offset;
  for (size_t i = 0; i < place.count(); i++) store(type, to, i, load(type, to, i) + values[i]);
}

void addGradients(const RnnCall& call, const WeightLayout& layout, int pseudo, const Parameters& sums) {
  const int gates = call.rnn.gates();
  const size_t hidden = static_cast<size_t>(call.rnn.hiddenSize), width = sums.input.size() / (gates * hidden);
  for (int gate = 0; gate < gates; gate++) {
    addTo(call, layout.matrix(pseudo, gate), &sums.input[gate * hidden * width]);
    addTo(call, layout.matrix(pseudo, gates + gate), &sums.recurrent[gate * hidden * hidden]);
    addTo(call, layout.bias(pseudo, gate), &sums.inputBias[gate * hidden]);
    addTo(call, layout.bias(pseudo, gates + gate), &sums.recurrentBias[gate * hidden]);
  }
}

}  // namespace

CUresult runBackwardWeights(Context& context, const RnnCall& call) {
  const char* const name = "cudnnRNNBackwardWeights_v8";
  if (const CUresult result = checkLengths(context, call, name); result != CUDA_SUCCESS) return result;
  const ReserveHeader header = readHeader(call);
  const Values hx = readState(call, call.hx);
  Values in = readSequences(call.x, call.xData);
  std::string wrong = checkReserve(header, call.rnn, call.x, kBackwardDataDone);
  if (wrong.empty()) {
    wrong = firstChanged({{"x", header.x, checksum(in)},
                          {"y", header.y, checksum(readSequences(call.y, call.yData))},
                          {"hx", header.hx, checksum(hx)}});
  }
  if (!wrong.empty()) return misuse(context, name, wrong);
  poison(call.work, call.workBytes);
  const ReserveLayout layout(call.rnn, call.x);
  const WeightLayout weights(call.rnn);
  for (int layer = 0; layer < call.rnn.layers; layer++) {
    const Values out = readReserve(call, layout.outAt(layer), layout.outDoubles);
    for (int direction = 0; direction < call.rnn.directions(); direction++) {
      const int pseudo = layer * call.rnn.directions() + direction;
      const Values kept = readReserve(call, layout.keptAt(pseudo), layout.keptDoubles);
      addGradients(
          call, weights, pseudo,
          weightGradients(passOf(call, layer, direction), in.data(), out.data(), part(call, hx, pseudo), kept.data()));
    }
    in = out;
  }
  return CUDA_SUCCESS;
}

}  // namespace simulated
