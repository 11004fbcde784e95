#include "program/autodiff.h"

#include <algorithm>

#include "core/error.h"

namespace cugru {

namespace {

bool flag(const std::vector<bool>& flags, int32_t id) { return id >= 0 && flags[static_cast<size_t>(id)]; }

// Outside of training, identities (dropout) vanish: their readers read what they would have copied.
std::vector<int32_t> sourcesOf(const GraphSpec& graph, const std::vector<int32_t>& order, Mode mode) {
  std::vector<int32_t> source(graph.tensors.size());
  for (size_t t = 0; t < source.size(); ++t) source[t] = static_cast<int32_t>(t);
  if (mode == Mode::train) return source;
  for (int32_t n : order) {
    const NodeSpec& node = graph.nodes[n];
    if (!findSchema(node.op).identityInInference) continue;
    if (node.inputs.size() != 1 || node.outputs.size() != 1 || node.inputs[0] < 0 || node.outputs[0] < 0) {
      fail(code::kGraph, node.name, " (", node.op, ") takes one input and has one output");
    }
    const TensorSpec &from = graph.tensors[node.inputs[0]], &to = graph.tensors[node.outputs[0]];
    if (!(from == to)) {
      fail(code::kShape, node.name, " (", node.op, ") expects output ", from.describe(), ", got ", to.describe());
    }
    source[node.outputs[0]] = source[node.inputs[0]];
  }
  return source;
}

struct Roots {
  std::vector<bool> tensors;
  bool losses = false, outputs = false;
};

Roots rootsOf(const GraphSpec& graph, Mode mode, const std::vector<int32_t>& source) {
  Roots roots;
  roots.tensors.assign(graph.tensors.size(), false);
  bool hasLoss = false, hasSeed = false;
  for (const NodeSpec& node : graph.nodes) hasLoss = hasLoss || findSchema(node.op).isLoss;
  for (const GraphOutput& output : graph.outputs) hasSeed = hasSeed || output.seeded;
  roots.losses = mode != Mode::predict;
  roots.outputs = mode == Mode::predict || (mode == Mode::train && hasSeed);
  if (mode == Mode::evaluate && !hasLoss) fail(code::kGraph, "the graph has no loss to evaluate");
  if (mode == Mode::train && !hasLoss && !hasSeed)
    fail(code::kGraph, "the graph has neither a loss nor a seeded output");
  if (roots.outputs) {
    for (const GraphOutput& output : graph.outputs) {
      if (mode == Mode::predict || output.seeded) roots.tensors[source[output.tensor]] = true;
    }
  }
  return roots;
}

// Nodes that the roots need, in order, with unread outputs left out.
std::vector<FlowNode> liveNodes(const GraphSpec& graph, const std::vector<int32_t>& order, Mode mode,
                                const std::vector<int32_t>& source, const Roots& roots) {
  std::vector<bool> read = roots.tensors;
  std::vector<FlowNode> reversed;
  for (size_t i = order.size(); i-- > 0;) {
    const NodeSpec& node = graph.nodes[order[i]];
    FlowNode flow;
    flow.node = order[i];
    flow.schema = &findSchema(node.op);
    if (mode != Mode::train && flow.schema->identityInInference) continue;
    bool live = (flow.schema->isLoss && roots.losses) || (flow.schema->keeps && node.outputs.empty());
    for (int32_t t : node.outputs) {
      flow.outputs.push_back(flag(read, t) ? t : -1);
      live = live || flag(read, t);
    }
    if (!live) continue;
    for (int32_t t : node.inputs) {
      flow.inputs.push_back(t >= 0 ? source[t] : -1);
      if (t >= 0) read[source[t]] = true;
    }
    reversed.push_back(std::move(flow));
  }
  std::vector<FlowNode> nodes(reversed.rbegin(), reversed.rend());
  // Losses run after everything else, and have no outputs: their place in the plan is there as well. What is kept is written just
  // before them, when all have read what was there.
  const auto turn = [](const FlowNode& flow) { return flow.schema->isLoss ? 2 : flow.outputs.empty() ? 1 : 0; };
  std::stable_sort(nodes.begin(), nodes.end(), [&](const FlowNode& a, const FlowNode& b) { return turn(a) < turn(b); });
  return nodes;
}

// A slab has rows of its own, and the indices go through all batches: kernels that do not pick rows would read past their
// end, and those that do would read past the end of anything else.
void expectPickers(const GraphSpec& graph, const std::vector<FlowNode>& nodes) {
  std::vector<const GraphInput*> source(graph.tensors.size(), nullptr);
  for (const GraphInput& input : graph.inputs) source[input.tensor] = &input;
  for (const FlowNode& flow : nodes) {
    const std::string name = text(graph.nodes[flow.node].name, " (", flow.schema->op, ")");
    const size_t numbers = static_cast<size_t>(flow.schema->picked + 1);
    const bool picks = flow.schema->picked >= 0 && numbers < flow.inputs.size() && flow.inputs[numbers] >= 0;
    for (size_t slot = 0; slot < flow.inputs.size(); ++slot) {
      if (flow.inputs[slot] < 0) continue;
      const GraphInput* input = source[flow.inputs[slot]];
      const InputKind kind = input != nullptr ? input->kind : InputKind::value;
      const int place = picks ? static_cast<int>(slot) - flow.schema->picked : -1;
      if (place == 0 && kind != InputKind::slab)
        fail(code::kGraph, name, " picks rows, and can only do so from a slab");
      if (place == 1 && kind != InputKind::indices) {
        fail(code::kGraph, name, " takes its row numbers from the indices alone");
      }
      if (place == 0 || place == 1 || kind == InputKind::value) continue;
      fail(code::kGraph, name, " cannot read the ", kind == InputKind::slab ? "slab" : "indices", " '", input->name,
           "' directly; gather its rows first");
    }
  }
}

// Each output's gradient is written to its tensor, so a tensor can be only one of them.
void expectOneSeed(const GraphSpec& graph, const std::vector<int32_t>& source) {
  std::vector<const GraphOutput*> seeded(graph.tensors.size(), nullptr);
  for (const GraphOutput& output : graph.outputs) {
    if (!output.seeded) continue;
    const GraphOutput*& other = seeded[source[output.tensor]];
    if (other != nullptr) {
      fail(code::kGraph, "outputs '", other->name, "' and '", output.name,
           "' are one tensor; give its gradient to one of them");
    }
    other = &output;
  }
}

// A tensor can take a gradient when something that wants one lies behind it.
std::vector<bool> wantingTensors(const GraphSpec& graph, const std::vector<FlowNode>& nodes,
                                 const std::vector<bool>& optimized) {
  std::vector<bool> wants(graph.tensors.size(), false);
  for (const GraphInput& input : graph.inputs) wants[input.tensor] = input.gradient;
  for (const FlowNode& flow : nodes) {
    bool any = flag(optimized, graph.nodes[flow.node].group);
    for (int32_t t : flow.inputs) any = any || flag(wants, t);
    for (int32_t t : flow.outputs) {
      if (t >= 0) wants[t] = any && graph.tensors[t].dtype == DType::f32;
    }
  }
  return wants;
}

void flowBackward(const GraphSpec& graph, Flow& flow, const std::vector<bool>& wants,
                  const std::vector<bool>& optimized) {
  for (size_t i = flow.nodes.size(); i-- > 0;) {
    FlowNode& node = flow.nodes[i];
    bool given = node.schema->isLoss;
    for (int32_t t : node.outputs) {
      node.outputGradient.push_back(flag(flow.receivesGradient, t));
      given = given || node.outputGradient.back();
    }
    bool wanted = flag(optimized, graph.nodes[node.node].group);
    for (int32_t t : node.inputs) {
      node.inputGradient.push_back(given && flag(wants, t));
      wanted = wanted || node.inputGradient.back();
      if (node.inputGradient.back()) flow.receivesGradient[t] = true;
    }
    node.differentiated = given && wanted;
  }
}

}  // namespace

Flow analyze(const GraphSpec& graph, Mode mode, const std::vector<bool>& optimized) {
  const std::vector<int32_t> order = topologicalOrder(graph);
  const std::vector<int32_t> source = sourcesOf(graph, order, mode);
  const Roots roots = rootsOf(graph, mode, source);
  Flow flow;
  flow.nodes = liveNodes(graph, order, mode, source, roots);
  expectPickers(graph, flow.nodes);
  if (mode == Mode::train) expectOneSeed(graph, source);
  flow.receivesGradient.assign(graph.tensors.size(), false);
  for (const GraphOutput& output : graph.outputs) {
    const int32_t t = source[output.tensor];
    flow.outputTensors.push_back(roots.tensors[t] ? t : -1);
    if (mode == Mode::train && output.seeded) flow.receivesGradient[t] = true;
  }
  if (mode == Mode::train) {
    const std::vector<bool> wants = wantingTensors(graph, flow.nodes, optimized);
    for (const GraphOutput& output : graph.outputs) {
      const int32_t t = source[output.tensor];
      flow.receivesGradient[t] = flow.receivesGradient[t] && flag(wants, t);
    }
    flowBackward(graph, flow, wants, optimized);
  } else {
    for (FlowNode& node : flow.nodes) {
      node.inputGradient.assign(node.inputs.size(), false);
      node.outputGradient.assign(node.outputs.size(), false);
    }
  }
  return flow;
}

}  // namespace cugru
