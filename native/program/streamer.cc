#include "program/streamer.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace cugru {

namespace {
template <typename T>
const T& at(const std::vector<T>& list, int32_t index, const char* what) {
  if (index < 0 || index >= static_cast<int32_t>(list.size())) {
    fail(code::kGraph, "a stream's ", what, " is ", index, "; the graph has ", list.size());
  }
  return list[static_cast<size_t>(index)];
}
}  // namespace

Streamer::Streamer(Backend& backend, std::unique_ptr<ParameterStore> weights, GraphSpec graph, int32_t input,
                   int32_t output, std::vector<std::pair<int32_t, int32_t>> states)
    : weights_(std::move(weights)), stream_(backend.createInlineStream()) {
  if (!backend.usesHostMemory()) fail(code::kUnsupported, "synchronous streaming runs on the CPU only");
  const GraphInput& x = at(graph.inputs, input, "input");
  const TensorSpec row = at(graph.tensors, x.tensor, "input tensor");
  if (x.kind != InputKind::slab) fail(code::kGraph, "a stream's input must be a slab");
  const GraphOutput& y = at(graph.outputs, output, "output");
  program_ = std::make_unique<Program>(backend, weights_, graph, Mode::predict, 1);
  inputType_ = row.dtype;
  row_ = std::make_shared<HostBuffer>(row.bytes(1));
  program_->bindOnce({{input, std::make_shared<Slab>(backend, *stream_, row_, row.dtype)}}, *stream_);
  const auto floatsOf = [&](int32_t tensor) {
    if (graph.tensors[tensor].dtype != DType::f32) fail(code::kType, "a stream's states and output must be f32");
    return static_cast<size_t>(graph.tensors[tensor].elements(1));
  };
  output_ = static_cast<const float*>(program_->outputData(output));
  outputFloats_ = floatsOf(y.tensor);
  for (const auto& [from, to] : states) {
    const GraphInput& in = at(graph.inputs, from, "state input");
    const GraphOutput& out = at(graph.outputs, to, "state output");
    const size_t floats = floatsOf(in.tensor);
    if (in.kind != InputKind::value || floatsOf(out.tensor) != floats) {
      fail(code::kShape, "the state '", in.name, "' has ", floats, " floats, '", out.name, "' has ",
           floatsOf(out.tensor));
    }
    auto* data = static_cast<float*>(program_->inputData(from));
    const auto* next = static_cast<const float*>(program_->outputData(to));
    if (data == nullptr || next == nullptr) fail(code::kGraph, "the state '", in.name, "' is not used by the graph");
    carried_.push_back({data, next, floats});
    stateFloats_ += floats;
  }
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    const auto carriesIt = [&](const auto& state) { return state.first == id; };
    const bool carried = std::any_of(states.begin(), states.end(), carriesIt);
    if (graph.inputs[i].kind != InputKind::value || carried || program_->inputData(id) == nullptr) continue;
    fail(code::kGraph, "a stream carries all values that its graph reads; '", graph.inputs[i].name, "' is no state");
  }
  if (output_ == nullptr) fail(code::kGraph, "a stream's output is not computed");
}

void Streamer::step(float* state, const void* input, float* output) {
  std::memcpy(row_->data(), input, row_->bytes());
  const float* from = state;
  for (const Carried& carried : carried_) {
    std::memcpy(carried.in, from, carried.floats * sizeof(float));
    from += carried.floats;
  }
  StepControl control;
  control.validRows = 1;
  program_->forwardOnce(control, *stream_);
  for (const Carried& carried : carried_) {
    std::memcpy(state, carried.out, carried.floats * sizeof(float));
    state += carried.floats;
  }
  std::memcpy(output, output_, outputFloats_ * sizeof(float));
}

}  // namespace cugru
