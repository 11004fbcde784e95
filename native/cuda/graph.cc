#include "cuda/graph.h"

#include "core/error.h"

namespace cugru::cuda {

namespace {

class GraphRecording final : public Recording {
 public:
  GraphRecording(std::shared_ptr<Device> device, CUgraphExec exec) : device_(std::move(device)), exec_(exec) {}
  ~GraphRecording() override { device_->free(exec_); }
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;

  std::string replay(Stream& stream) override {
    CudaStream& s = cuda(stream);
    return device_->problem(device_->cuda().cuGraphLaunch(exec_, s.handle()), "replay a step");
  }

 private:
  std::shared_ptr<Device> device_;
  CUgraphExec exec_;
};

class Graph {
 public:
  explicit Graph(Device& device) : device_(device) {}
  ~Graph() {
    if (graph_ != nullptr) device_.cuda().cuGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  CUgraph* out() { return &graph_; }
  CUgraph get() const { return graph_; }

 private:
  Device& device_;
  CUgraph graph_ = nullptr;
};

// Whatever happened, the stream is no longer captured afterwards, or the session is over: its work would never be done.
std::string endCapture(CudaStream& stream, Graph& graph) {
  Device& device = stream.device();
  const CudaApi& api = device.cuda();
  const CUresult result = api.cuStreamEndCapture(stream.handle(), graph.out());
  if (result == CUDA_SUCCESS && graph.get() != nullptr) return "";
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  device.check(api.cuStreamIsCapturing(stream.handle(), &status), "tell whether it records");
  if (status != CU_STREAM_CAPTURE_STATUS_NONE) {
    Graph lost(device);
    device.check(api.cuStreamEndCapture(stream.handle(), lost.out()), "stop recording");
  }
  const std::string why = device.problem(result, "record a step");
  return why.empty() ? "the driver recorded nothing" : why;
}

// Ends the capture on every way out.
std::string capture(CudaStream& stream, const std::function<void()>& work, Graph& graph) {
  Device& device = stream.device();
  const std::string refused = device.problem(
      device.cuda().cuStreamBeginCapture_v2(stream.handle(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "record a step");
  if (!refused.empty()) return refused;
  std::string why;
  try {
    work();
  } catch (const std::exception& error) {
    why = error.what();
  }
  const std::string ended = endCapture(stream, graph);
  if (device.lost()) device.enter();
  return why.empty() ? ended : why;
}

}  // namespace

Recorded recordGraph(CudaStream& stream, const std::function<void()>& work) {
  Device& device = stream.device();
  Graph graph(device);
  std::string why;
  {
    const Device::Alone alone = device.alone();
    why = capture(stream, work, graph);
  }
  if (!why.empty()) return {nullptr, why};
  CUgraphExec exec = nullptr;
  why = device.problem(device.cuda().cuGraphInstantiateWithFlags(&exec, graph.get(), 0), "make a recorded step ready");
  if (!why.empty()) return {nullptr, why};
  return {std::make_unique<GraphRecording>(stream.sharedDevice(), exec), ""};
}

}  // namespace cugru::cuda
