// What a run is checked for before it begins: everything that comes from outside.
#include <algorithm>

#include "core/error.h"
#include "program/program.h"

namespace cugru {

namespace {

void expectBytes(const HostBinding& binding, int64_t rows, const TensorSpec& spec, const std::string& what) {
  const size_t wanted = spec.bytes(rows);
  if (!binding.buffer || binding.buffer->bytes() < wanted) {
    fail(code::kShape, what, ": ", rows, " rows of ", spec.describe(), " need ", wanted, " bytes, the buffer has ",
         binding.buffer ? binding.buffer->bytes() : 0);
  }
}

}  // namespace

// Loss and backward trust what forward left behind, and forward trusts its value inputs, lengths among them.
void Program::checkOrder(const RunRequest& request) const {
  if ((request.segments & kForward) != 0) {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const GraphInput& input = graph_.inputs[i];
      const auto isThis = [&](const HostBinding& binding) { return binding.index == static_cast<int32_t>(i); };
      if (input.kind == InputKind::value && data_[input.tensor] != nullptr &&
          std::none_of(request.inputs.begin(), request.inputs.end(), isThis)) {
        fail(code::kGraph, "input '", input.name, "' needs a buffer");
      }
    }
  } else if ((request.segments & (kLoss | kBackward)) != 0) {
    if (!forwarded_)
      fail(code::kState, "loss and backward need a forward pass before them, which no backward has used up");
    if (request.rows > batch_)
      fail(code::kState, "loss and backward without forward take one batch, got ", request.rows, " rows");
  }
}

void Program::check(const RunRequest& request) const {
  if (!arena_) fail(code::kState, "this program was only planned");
  if (request.rows < 1) fail(code::kShape, "a run needs at least one row, got ", request.rows);
  if (request.rows > (int64_t{1} << 31) - 1) fail(code::kRange, "a run takes at most 2^31 - 1 rows");
  const bool trains = (request.segments & (kBackward | kUpdate)) != 0;
  if (trains && mode_ != Mode::train) fail(code::kState, "backward and update need a program in mode 'train'");
  if (!request.indices.empty() && static_cast<int64_t>(request.indices.size()) != request.rows) {
    fail(code::kShape, "the run has ", request.rows, " rows, but ", request.indices.size(), " indices");
  }
  const int64_t batches = (request.rows + batch_ - 1) / batch_;
  if ((request.segments & kUpdate) != 0 && !store_->hasOptimizer()) {
    fail(code::kState, "there is no optimiser; compile the model first");
  }
  const bool rated = (request.segments & kUpdate) != 0 || !request.learningRates.empty();
  if (rated && static_cast<int64_t>(request.learningRates.size()) != batches) {
    fail(code::kShape, "the run has ", batches, " batches, but ", request.learningRates.size(), " learning rates");
  }
  checkSlabs(request);
  checkHostBindings(request);
}

void Program::checkSlabs(const RunRequest& request) const {
  std::vector<bool> bound(graph_.inputs.size(), false);
  for (const SlabBinding& binding : request.slabs) {
    if (binding.index < 0 || binding.index >= static_cast<int32_t>(graph_.inputs.size()) || !binding.slab) {
      fail(code::kGraph, "a slab is bound to input ", binding.index, "; the graph has ", graph_.inputs.size());
    }
    const GraphInput& input = graph_.inputs[binding.index];
    if (input.kind != InputKind::slab) fail(code::kGraph, "input '", input.name, "' takes no slab");
    const TensorSpec& spec = graph_.tensors[input.tensor];
    const size_t row = spec.bytes(1);
    if (binding.slab->dtype() != spec.dtype) {
      fail(code::kType, "input '", input.name, "' takes ", dtypeName(spec.dtype), ", the slab has ",
           dtypeName(binding.slab->dtype()));
    }
    if (binding.slab->bytes() % row != 0) {
      fail(code::kShape, "input '", input.name, "': ", binding.slab->bytes(), " bytes are no whole number of rows of ",
           row, " bytes");
    }
    const int64_t rows = static_cast<int64_t>(binding.slab->bytes() / row);
    const Bounds& bounds = bounds_[input.tensor];
    if (spec.dtype == DType::i32 && (binding.slab->smallest() < bounds.low || binding.slab->largest() > bounds.high)) {
      fail(code::kRange, "input '", input.name, "' must be from ", bounds.low, " to ", bounds.high, ", its values are ",
           binding.slab->smallest(), " to ", binding.slab->largest());
    }
    for (int32_t index : request.indices) {
      if (index < 0 || index >= rows) {
        fail(code::kRange, "row ", index, " is outside of input '", input.name, "' with ", rows, " rows");
      }
    }
    if (request.indices.empty() && request.rows > rows) {
      fail(code::kRange, "the run has ", request.rows, " rows, input '", input.name, "' has ", rows);
    }
    bound[binding.index] = true;
  }
  if ((request.segments & (kForward | kLoss | kBackward)) == 0) return;  // an update alone reads no data
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    if (graph_.inputs[i].kind != InputKind::slab || bound[i]) continue;
    for (const Step& step : steps_) {
      for (int32_t t : step.flow.inputs) {
        if (t == graph_.inputs[i].tensor) fail(code::kGraph, "input '", graph_.inputs[i].name, "' needs a slab");
      }
    }
  }
}

void Program::checkHostBindings(const RunRequest& request) const {
  const auto inputAt = [&](const HostBinding& binding) -> const GraphInput& {
    if (binding.index < 0 || binding.index >= static_cast<int32_t>(graph_.inputs.size())) {
      fail(code::kGraph, "a buffer is bound to input ", binding.index, "; the graph has ", graph_.inputs.size());
    }
    const GraphInput& input = graph_.inputs[binding.index];
    if (input.kind != InputKind::value) fail(code::kGraph, "input '", input.name, "' takes no host buffer");
    return input;
  };
  for (const HostBinding& binding : request.inputs) {
    const GraphInput& input = inputAt(binding);
    const TensorSpec& spec = graph_.tensors[input.tensor];
    expectBytes(binding, request.rows, spec, text("input '", input.name, "'"));
    if (spec.dtype != DType::i32) continue;
    const int32_t* values = reinterpret_cast<const int32_t*>(binding.buffer->data());
    const Bounds& bounds = bounds_[input.tensor];
    for (int64_t i = 0; i < spec.elements(request.rows); ++i) {
      if (values[i] < bounds.low || values[i] > bounds.high) {
        fail(code::kRange, "input '", input.name, "' must be from ", bounds.low, " to ", bounds.high, ", got ",
             values[i], " at index ", i);
      }
    }
  }
  for (const HostBinding& binding : request.gradients) {
    const GraphInput& input = inputAt(binding);
    if (gradient_[input.tensor] == nullptr) fail(code::kState, "input '", input.name, "' has no gradient here");
    expectBytes(binding, request.rows, graph_.tensors[input.tensor], text("gradient of '", input.name, "'"));
  }
  for (const auto* list : {&request.outputs, &request.seeds}) {
    for (const HostBinding& binding : *list) {
      if (binding.index < 0 || binding.index >= static_cast<int32_t>(graph_.outputs.size())) {
        fail(code::kGraph, "a buffer is bound to output ", binding.index, "; the graph has ", graph_.outputs.size());
      }
      const GraphOutput& output = graph_.outputs[binding.index];
      if (flow_.outputTensors[binding.index] < 0) {
        fail(code::kState, "output '", output.name, "' is not computed in this mode");
      }
      if (list == &request.seeds && !output.seeded) fail(code::kGraph, "output '", output.name, "' takes no gradient");
      expectBytes(binding, request.rows, graph_.tensors[output.tensor], text("output '", output.name, "'"));
    }
  }
}

}  // namespace cugru
