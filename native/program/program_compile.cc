// Compiling: kernels from the registry, bounds of integer tensors, the memory plan, and all pointers set once.
#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/host_memory.h"
#include "core/ops/ops.h"
#include "program/program.h"

namespace cugru {

namespace {

constexpr int64_t kMaxBatch = 1 << 24;

// How often each tensor's gradient has been written so far, while the backward pass is laid out.
using WriteCounts = std::vector<int>;

std::vector<bool> optimizedGroups(const ParameterStore& store) {
  std::vector<bool> optimized(store.groupCount());
  for (size_t g = 0; g < optimized.size(); ++g) optimized[g] = !store.spec(g).buffer;
  return optimized;
}

void expectParams(const OpDesc& desc, const char* what, const std::vector<ParamSpec>& given,
                  const std::vector<ParamSpec>& needed) {
  bool same = needed.size() == given.size();
  for (size_t i = 0; same && i < needed.size(); ++i) {
    same = needed[i].name == given[i].name && needed[i].shape == given[i].shape;
  }
  if (same) return;
  std::string list;
  for (const ParamSpec& param : needed) {
    list += (list.empty() ? "" : ", ") + param.name + " (";
    for (size_t i = 0; i < param.shape.size(); ++i) list += text(i > 0 ? ", " : "", param.shape[i]);
    list += ")";
  }
  fail(code::kShape, desc.name, " (", desc.op, ") needs the ", what, " ", list.empty() ? "(none)" : list,
       "; its group has others");
}

}  // namespace

// What lies where in the arena. Times: inputs 0, forward of step i at i + 1, seeds at n + 1, backward at 2n + 1 - i.
struct Program::Layout {
  std::vector<PlannedBuffer> buffers;
  std::vector<int> tensor, gradient;              // by tensor: index of its buffer, -1: none
  std::vector<int> saved;                         // by step
  std::vector<std::vector<int>> gradientTarget;   // by step and input slot: where its backward writes
  std::vector<std::vector<bool>> addsToGradient;  // ... and whether that is then added to the tensor's gradient
  int workspace = -1;

  int add(size_t bytes, int32_t first, int32_t last) {
    buffers.push_back({bytes, first, last, 0});
    return static_cast<int>(buffers.size()) - 1;
  }
};

Program::Program(Backend& backend, std::shared_ptr<ParameterStore> store, GraphSpec graph, Mode mode, int64_t batch,
                 bool planOnly)
    : backend_(backend),
      store_(std::move(store)),
      graph_(std::move(graph)),
      mode_(mode),
      planOnly_(planOnly),
      batch_(batch) {
  if (batch < 1 || batch > kMaxBatch)
    fail(code::kRange, "the batch size must be from 1 to ", kMaxBatch, ", got ", batch);
  for (const NodeSpec& node : graph_.nodes) {
    for (int32_t group : {node.group, node.buffers}) {
      if (group >= -1 && group < static_cast<int32_t>(store_->groupCount())) continue;
      fail(code::kGraph, node.name, " names parameter group ", group, "; there are ", store_->groupCount());
    }
  }
  const std::vector<bool> optimized = optimizedGroups(*store_);
  flow_ = analyze(graph_, mode, optimized);
  external_.assign(graph_.tensors.size(), false);
  for (const GraphInput& input : graph_.inputs) external_[input.tensor] = input.kind != InputKind::value;
  createSteps();
  eager_ = recordRefusal();
  boundIntegers();
  Layout layout;
  plan(layout);
  if (planOnly) return;
  allocate(layout);
  bindPointers(layout);
}

OpDesc Program::describe(const FlowNode& flow) const {
  const NodeSpec& node = graph_.nodes[flow.node];
  OpDesc desc;
  desc.name = node.name;
  desc.op = node.op;
  desc.attrs = node.attrs;
  desc.id = static_cast<uint32_t>(flow.node);
  desc.batch = batch_;
  desc.training = mode_ == Mode::train;
  desc.planOnly = planOnly_;
  const auto specs = [&](const std::vector<int32_t>& ids) {
    std::vector<std::optional<TensorSpec>> out;
    for (int32_t t : ids) {
      out.push_back(t >= 0 ? std::optional(graph_.tensors[t]) : std::nullopt);
      if (t >= 0) graph_.tensors[t].elements(batch_);  // refuses what overflows, before a kernel multiplies
    }
    return out;
  };
  desc.inputs = specs(flow.inputs);
  desc.outputs = specs(flow.outputs);
  desc.inputGradient = flow.inputGradient;
  desc.outputGradient = flow.outputGradient;
  const auto groupOf = [&](int32_t index) -> const GroupSpec& {
    const GroupSpec& group = store_->spec(index);
    if (group.op != node.op) {  // a layout prepares what its own kernels read
      fail(code::kGraph, node.name, " (", node.op, ") names group '", group.name, "', which is of ", group.op);
    }
    return group;
  };
  if (node.group >= 0) {
    const GroupSpec& group = groupOf(node.group);
    const std::string ours = node.attrs.stringOr("precision", ""), its = group.attrs.stringOr("precision", "");
    if (ours != its) {
      fail(code::kGraph, node.name, " is of precision '", ours, "', its group '", group.name, "' of '", its, "'");
    }
    desc.params = group.params;
  }
  if (node.buffers >= 0) {
    const GroupSpec& group = groupOf(node.buffers);
    if (!group.buffer) fail(code::kGraph, node.name, " keeps group '", group.name, "', which is optimised");
    desc.buffers = group.params;
  }
  return desc;
}

void Program::createSteps() {
  for (FlowNode& flow : flow_.nodes) {
    Step step;
    step.desc = describe(flow);
    expectParams(step.desc, "parameters", step.desc.params, flow.schema->check(step.desc));
    const auto buffers = flow.schema->buffers;
    expectParams(step.desc, "buffers", step.desc.buffers, buffers ? buffers(step.desc) : std::vector<ParamSpec>{});
    keepsBuffers_ = keepsBuffers_ || !step.desc.buffers.empty();
    const Support support = backend_.supports(step.desc);
    if (!support.ok) fail(code::kUnsupported, step.desc.name, " on ", backend_.name(), ": ", support.reason);
    step.kernel = backend_.createKernel(step.desc);
    if (flow.schema->confusionClasses != nullptr) step.classes = flow.schema->confusionClasses(step.desc);
    step.flow = flow;
    steps_.push_back(std::move(step));
  }
}

// Labels and lengths must be in range before a kernel trusts them: readers bound an i32 tensor, and a gather passes the
// bound on to its slab.
void Program::boundIntegers() {
  bounds_.assign(graph_.tensors.size(), Bounds{});
  const auto narrow = [&](int32_t tensor, int64_t low, int64_t high) {
    if (tensor < 0 || graph_.tensors[tensor].dtype != DType::i32) return;
    bounds_[tensor].low = std::max(bounds_[tensor].low, static_cast<int32_t>(low));
    bounds_[tensor].high = std::min<int64_t>(bounds_[tensor].high, high);
  };
  // What the graph counts by itself must be what its readers take.
  const auto expectRead = [&](const Step& step, size_t output, int64_t low, int64_t high) {
    const int32_t tensor = step.flow.outputs[output];
    if (tensor < 0) return;
    const Bounds& taken = bounds_[tensor];
    if (low >= taken.low && high <= taken.high) return;
    fail(code::kShape, step.desc.name, " (", step.desc.op, ") gives numbers from ", low, " to ", high,
         "; one of their readers takes ", taken.low, " to ", taken.high);
  };
  for (size_t i = steps_.size(); i-- > 0;) {
    const Step& step = steps_[i];
    const std::vector<int32_t>& in = step.flow.inputs;
    const int lengths = step.flow.schema->lengths;
    if (lengths >= 0 && static_cast<int>(in.size()) > lengths) narrow(in[lengths], 1, graph_.tensors[in[0]].steps);
    if (step.desc.op == "trailingLengths") expectRead(step, 0, 1, graph_.tensors[in[0]].steps);
    if (step.desc.op == "augment") expectRead(step, 1, 0, batch_ - 1);
    if (step.desc.op == "softmaxCrossEntropy") narrow(in[1], 0, step.classes - 1);
    if (step.desc.op == "softmaxCrossEntropy" && in.size() > 3) narrow(in[3], 0, batch_ - 1);
    if (step.desc.op == "gather" && step.flow.outputs[0] >= 0) {
      const Bounds& out = bounds_[step.flow.outputs[0]];
      narrow(in[0], out.low, out.high);
      const int32_t fill = static_cast<int32_t>(step.desc.attrs.integerOr("fill", 0, INT32_MIN, INT32_MAX));
      if (graph_.tensors[in[0]].dtype == DType::i32 && (fill < out.low || fill > out.high)) {
        fail(code::kRange, step.desc.name, " (gather): fill ", fill, " is outside of ", out.low, " to ", out.high);
      }
    }
  }
}

void Program::plan(Layout& layout) {
  const int32_t n = static_cast<int32_t>(steps_.size()), end = 2 * n + 2;
  const size_t tensors = graph_.tensors.size();
  const auto forwardTime = [](int32_t i) { return i + 1; };
  const auto backwardTime = [n](int32_t i) { return 2 * n + 1 - i; };
  std::vector<int32_t> first(tensors, -1), last(tensors, -1), gradientFirst(tensors, -1), gradientLast(tensors, -1);
  const auto touch = [](std::vector<int32_t>& from, std::vector<int32_t>& to, int32_t t, int32_t time) {
    from[t] = from[t] < 0 ? time : std::min(from[t], time);
    to[t] = std::max(to[t], time);
  };
  for (int32_t i = 0; i < n; ++i) {
    const Step& step = steps_[i];
    for (const auto* ids : {&step.flow.inputs, &step.flow.outputs}) {
      for (int32_t t : *ids) {
        if (t < 0 || external_[t]) continue;
        touch(first, last, t, forwardTime(i));
        if (step.flow.differentiated) touch(first, last, t, backwardTime(i));
      }
    }
  }
  for (const GraphInput& input : graph_.inputs) {
    if (!external_[input.tensor] && first[input.tensor] >= 0) touch(first, last, input.tensor, 0);
    if (flow_.receivesGradient[input.tensor]) touch(gradientFirst, gradientLast, input.tensor, end);
  }
  for (size_t o = 0; o < graph_.outputs.size(); ++o) {
    const int32_t t = flow_.outputTensors[o];
    if (t < 0) continue;
    if (external_[t]) fail(code::kGraph, "output '", graph_.outputs[o].name, "' is a slab or the indices");
    touch(first, last, t, first[t] < 0 ? 0 : end);
    touch(first, last, t, end);
    if (graph_.outputs[o].seeded && flow_.receivesGradient[t]) touch(gradientFirst, gradientLast, t, n + 1);
  }
  layout.gradientTarget.resize(n);
  layout.addsToGradient.resize(n);
  std::vector<bool> written(tensors, false);
  for (size_t o = 0; o < graph_.outputs.size(); ++o) {
    const int32_t t = flow_.outputTensors[o];
    if (t >= 0 && graph_.outputs[o].seeded && flow_.receivesGradient[t]) written[t] = true;
  }
  size_t workspace = 0;
  for (int32_t i = n - 1; i >= 0; --i) {
    const Step& step = steps_[i];
    const KernelSizes sizes = step.kernel->sizes();
    workspace = std::max(workspace, sizes.workspace);
    for (int32_t t : step.flow.outputs) {
      if (t >= 0 && flow_.receivesGradient[t]) touch(gradientFirst, gradientLast, t, backwardTime(i));
    }
    for (size_t slot = 0; slot < step.flow.inputs.size(); ++slot) {
      int target = -1;
      bool adds = false;
      if (step.flow.inputGradient[slot]) {
        const int32_t t = step.flow.inputs[slot];
        touch(gradientFirst, gradientLast, t, backwardTime(i));
        adds = written[t];
        written[t] = true;
        if (adds) target = layout.add(graph_.tensors[t].bytes(batch_), backwardTime(i), backwardTime(i));
      }
      layout.gradientTarget[i].push_back(target);
      layout.addsToGradient[i].push_back(adds);
    }
  }
  for (size_t t = 0; t < tensors; ++t) {
    const size_t bytes = first[t] >= 0 || gradientFirst[t] >= 0 ? graph_.tensors[t].bytes(batch_) : 0;
    layout.tensor.push_back(first[t] >= 0 ? layout.add(bytes, first[t], last[t]) : -1);
    layout.gradient.push_back(gradientFirst[t] >= 0 ? layout.add(bytes, gradientFirst[t], gradientLast[t]) : -1);
    if (first[t] >= 0) stagingBytes_ = std::max(stagingBytes_, bytes);
  }
  for (int32_t i = 0; i < n; ++i) {
    const size_t saved = steps_[i].kernel->sizes().saved;
    const int32_t until = steps_[i].flow.differentiated ? backwardTime(i) : forwardTime(i);
    layout.saved.push_back(saved > 0 ? layout.add(saved, forwardTime(i), until) : -1);
  }
  layout.workspace = layout.add(workspace, 0, end);
  arenaBytes_ = planMemory(layout.buffers);
}

void Program::allocate(const Layout&) {
  arena_ = backend_.allocate(std::max<size_t>(arenaBytes_, 64));
  controls_ = std::make_unique<ControlFeed>(backend_);
  if (!backend_.usesHostMemory()) staging_ = allocateHost(std::max<size_t>(stagingBytes_, 64), "staging");
  for (Step& step : steps_) {
    if (!step.flow.schema->isLoss) continue;
    const size_t cells = static_cast<size_t>(step.classes * step.classes);
    step.metrics = backend_.allocate(sizeof(LossMetrics) + cells * sizeof(int64_t));
  }
}

void Program::bindPointers(const Layout& layout) {
  char* base = static_cast<char*>(arena_->data());
  const auto at = [&](int buffer) -> void* { return buffer < 0 ? nullptr : base + layout.buffers[buffer].offset; };
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    data_.push_back(at(layout.tensor[t]));
    gradient_.push_back(at(layout.gradient[t]));
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    for (size_t slot = 0; slot < step.flow.inputs.size(); ++slot) {
      const int32_t t = step.flow.inputs[slot];
      step.inputs.push_back(t >= 0 ? data_[t] : nullptr);
      void* target = nullptr;
      if (step.flow.inputGradient[slot]) {
        target = layout.addsToGradient[i][slot] ? at(layout.gradientTarget[i][slot]) : gradient_[t];
        if (layout.addsToGradient[i][slot]) {
          step.additions.push_back({static_cast<float*>(gradient_[t]), static_cast<const float*>(target),
                                    graph_.tensors[t].elements(batch_)});
        }
      }
      step.inputGradients.push_back(target);
    }
    for (size_t slot = 0; slot < step.flow.outputs.size(); ++slot) {
      const int32_t t = step.flow.outputs[slot];
      step.outputs.push_back(t >= 0 ? data_[t] : nullptr);
      step.outputGradients.push_back(step.flow.outputGradient[slot] ? gradient_[t] : nullptr);
    }
    const int32_t group = graph_.nodes[step.flow.node].group;
    KernelArgs& args = step.args;
    args.inputs = step.inputs.data();
    args.outputs = step.outputs.data();
    args.outputGradients = step.outputGradients.data();
    args.inputGradients = step.inputGradients.data();
    if (group >= 0) {
      args.params = store_->params(group);
      args.prepared = store_->prepared(group);
      if (step.flow.differentiated && !store_->spec(group).buffer) args.paramGradients = store_->gradients(group);
    }
    const int32_t buffers = graph_.nodes[step.flow.node].buffers;
    if (buffers >= 0) args.buffers = store_->buffers(buffers);
    args.workspace = at(layout.workspace);
    args.saved = at(layout.saved[i]);
    args.control = controls_->control();
    args.metrics = step.metrics ? static_cast<LossMetrics*>(step.metrics->data()) : nullptr;
  }
}

}  // namespace cugru
