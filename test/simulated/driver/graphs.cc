#include <algorithm>
#include <map>

#include "core/settings.h"
#include "driver/exported.h"

namespace simulated {

namespace {

// What CUGRU_SIMULATED_GRAPH_ERRORS has this call answer: "begin=900,launch=2@3" (the third launch alone).
CUresult toldError(const std::string& call) {
  static auto* const calls = new std::map<std::string, long>;
  const long number = ++(*calls)[call];
  for (const std::string& rule : split(setting("GRAPH_ERRORS"), ',')) {
    const std::vector<std::string> sides = split(rule, '=');
    if (sides.size() != 2 || sides[0] != call) continue;
    const std::vector<std::string> numbers = split(sides[1], '@');
    if (numbers.size() == 2 && std::stol(numbers[1]) != number) continue;
    return static_cast<CUresult>(std::stol(numbers[0]));
  }
  return CUDA_SUCCESS;
}

bool inFlight(const GraphExec& exec) {
  const auto isNode = [&](const Operation& one) {
    return std::any_of(exec.nodes.begin(), exec.nodes.end(), [&](const auto& node) { return node.get() == &one; });
  };
  return findQueued(*exec.context, isNode) != nullptr;
}

}  // namespace

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

namespace {

constexpr unsigned long long kKnownInstantiateFlags = 1 | 2 | 8;  // no launches from the device

bool sameTopology(const Operations& a, const Operations& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++) {
    if (a[i]->name != b[i]->name) return false;
  }
  return true;
}

}  // namespace

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  SIMULATED_ENTER();
  if (mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  SIMULATED_TRY(toldError("begin"));
  simulated::count("captures");
  return beginCapture(stream, mode);
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
  SIMULATED_ENTER();
  if (graph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *graph = nullptr;
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  auto made = std::make_shared<Graph>();
  SIMULATED_TRY(endCapture(stream, made->nodes));
  SIMULATED_TRY(toldError("end"));
  *graph = graphs().add<CUgraph>(made);
  return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  SIMULATED_ENTER();
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, handle, stream));
  *status = stream->capture == nullptr ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                       : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  if (mode == nullptr || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, threadMode());
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph handle, unsigned long long flags) {
  SIMULATED_ENTER();
  SIMULATED_TRY(unsafeCall());
  const std::shared_ptr<Graph> graph = graphs().find(handle);
  if (exec == nullptr || graph == nullptr || (flags & ~kKnownInstantiateFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  SIMULATED_TRY(toldError("instantiate"));
  simulated::count("graphs");
  *exec = graphExecs().add<CUgraphExec>(std::make_shared<GraphExec>(GraphExec{context, graph->nodes}));
  return CUDA_SUCCESS;
}

CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graphHandle, CUgraphExecUpdateResultInfo* info) {
  SIMULATED_ENTER();
  const std::shared_ptr<GraphExec> exec = graphExecs().find(handle);
  const std::shared_ptr<Graph> graph = graphs().find(graphHandle);
  if (exec == nullptr || graph == nullptr || info == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *info = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  if (!sameTopology(exec->nodes, graph->nodes)) {
    info->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  }
  exec->nodes = graph->nodes;
  return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream streamHandle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, streamHandle, stream));
  if (graphExecs().find(handle) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (stream->capture == nullptr) return CUDA_SUCCESS;
  invalidate(*stream->capture);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle) {
  SIMULATED_ENTER();
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, streamHandle, stream));
  const std::shared_ptr<GraphExec> exec = graphExecs().find(handle);
  if (exec == nullptr || exec->context != context) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult told = toldError("launch"); told != CUDA_SUCCESS) {
    if (told >= CUDA_ERROR_ILLEGAL_ADDRESS) context->failure = told;  // of earlier work, and it stays
    return told;
  }
  simulated::count("graphLaunches");
  return submitAll(*stream, exec->nodes);
}

// Nodes have no handles of their own; their number is all there is to know.
CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  SIMULATED_ENTER();
  const std::shared_ptr<Graph> graph = graphs().find(handle);
  if (graph == nullptr || count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; nodes != nullptr && i < *count; i++) {
    nodes[i] = i < graph->nodes.size() ? reinterpret_cast<CUgraphNode>(i + 1) : nullptr;
  }
  *count = graph->nodes.size();
  return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  Guard guard;
  const std::shared_ptr<GraphExec> found = graphExecs().find(exec);
  // The vendor lets it end first; nothing here needs that. On a lost device nothing is done any more.
  if (found != nullptr && found->context->failure == CUDA_SUCCESS && inFlight(*found))
    violation("cuGraphExecDestroy while the graph is queued");
  return graphExecs().remove(exec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphDestroy(CUgraph graph) {
  Guard guard;
  return graphs().remove(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace cugru::cuda
