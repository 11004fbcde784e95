#include "program/graph_spec.h"

#include <queue>

#include "core/error.h"

namespace cugru {

namespace {

constexpr int32_t kNobody = -2, kGraphInput = -1;

void expectTensor(const GraphSpec& graph, int32_t id, const std::string& who, bool optional) {
  if (optional && id == -1) return;
  if (id < 0 || id >= static_cast<int32_t>(graph.tensors.size())) {
    fail(code::kGraph, who, " names tensor ", id, "; the graph has ", graph.tensors.size());
  }
}

void produce(const GraphSpec& graph, std::vector<int32_t>& producer, int32_t tensor, int32_t by,
             const std::string& who) {
  if (producer[tensor] != kNobody) fail(code::kGraph, who, " writes tensor ", tensor, ", which already has a producer");
  if (graph.tensors[tensor].rowElements() < 1) {
    fail(code::kShape, who, ": a tensor needs at least one element a row, got ", graph.tensors[tensor].describe());
  }
  producer[tensor] = by;
}

// Who makes each tensor: a node, the graph's input, or nobody.
std::vector<int32_t> producers(const GraphSpec& graph) {
  std::vector<int32_t> producer(graph.tensors.size(), kNobody);
  for (const GraphInput& input : graph.inputs) {
    expectTensor(graph, input.tensor, text("input '", input.name, "'"), false);
    produce(graph, producer, input.tensor, kGraphInput, text("input '", input.name, "'"));
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (int32_t tensor : graph.nodes[n].outputs) {
      expectTensor(graph, tensor, graph.nodes[n].name, true);
      if (tensor >= 0) produce(graph, producer, tensor, static_cast<int32_t>(n), graph.nodes[n].name);
    }
  }
  return producer;
}

void expectProduced(const std::vector<int32_t>& producer, int32_t tensor, const std::string& who) {
  if (producer[tensor] == kNobody) fail(code::kGraph, who, " reads tensor ", tensor, ", which nothing produces");
}

std::string namesOf(const GraphSpec& graph, const std::vector<int32_t>& waiting) {
  std::string names;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (waiting[n] > 0) names += (names.empty() ? "" : ", ") + graph.nodes[n].name;
  }
  return names;
}

}  // namespace

std::vector<int32_t> topologicalOrder(const GraphSpec& graph) {
  const std::vector<int32_t> producer = producers(graph);
  const size_t count = graph.nodes.size();
  std::vector<std::vector<int32_t>> readers(count);
  std::vector<int32_t> waiting(count, 0);
  for (size_t n = 0; n < count; ++n) {
    for (int32_t tensor : graph.nodes[n].inputs) {
      expectTensor(graph, tensor, graph.nodes[n].name, true);
      if (tensor < 0) continue;
      expectProduced(producer, tensor, graph.nodes[n].name);
      if (producer[tensor] < 0) continue;
      readers[producer[tensor]].push_back(static_cast<int32_t>(n));
      ++waiting[n];
    }
  }
  for (const GraphOutput& output : graph.outputs) {
    expectTensor(graph, output.tensor, text("output '", output.name, "'"), false);
    expectProduced(producer, output.tensor, text("output '", output.name, "'"));
  }
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<int32_t>> ready;
  for (size_t n = 0; n < count; ++n) {
    if (waiting[n] == 0) ready.push(static_cast<int32_t>(n));
  }
  std::vector<int32_t> order;
  while (!ready.empty()) {
    const int32_t n = ready.top();
    ready.pop();
    order.push_back(n);
    for (int32_t reader : readers[n]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != count) {
    fail(code::kGraph, "the graph has a cycle; these nodes wait for each other: ", namesOf(graph, waiting));
  }
  return order;
}

}  // namespace cugru
