#include <thread>

#include "check/kernel.h"

namespace simulated_check {

namespace {

constexpr CUstreamCaptureMode kLocal = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;

CUstreamCaptureStatus statusOf(CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  OK(cu().cuStreamIsCapturing(stream, &status));
  return status;
}

// Ends a capture that was lost, and sees that the stream can be used again.
void endLost(CUstream stream) {
  CUgraph graph = nullptr;
  SAME(static_cast<unsigned>(statusOf(stream)), static_cast<unsigned>(CU_STREAM_CAPTURE_STATUS_INVALIDATED));
  GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().cuStreamEndCapture(stream, &graph));
  TRUE(graph == nullptr);
  OK(cu().cuStreamSynchronize(stream));
}

template <typename Call>
void losesCapture(Device& device, CUresult answer, Call call) {
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  GIVES(answer, call());
  endLost(device.stream);
}

// A graph of one fill of `memory`, ready.
CUgraphExec filled(Device& device, CUdeviceptr memory) {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuMemsetD8Async(memory, 1, 4, device.stream));
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  OK(cu().cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cu().cuGraphDestroy(graph));
  return exec;
}

}  // namespace

CASE("capture", replays, "a graph does again what was captured, and nothing was done while it was") {
  Device device;
  Kernels kernels;
  void* pinned = nullptr;
  OK(cu().cuMemHostAlloc(&pinned, 8, 0));
  auto* const host = static_cast<float*>(pinned);
  host[0] = 1, host[1] = 2;
  const CUdeviceptr y = device.allocate(8), copy = device.allocate(8);
  device.synchronize();
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuMemcpyHtoDAsync_v2(y, pinned, 8, device.stream));
  OK(kernels.add(device.stream, y, 0.5f, 2));
  OK(cu().cuMemcpyDtoDAsync_v2(copy, y, 8, device.stream));
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  size_t nodes = 0;
  OK(cu().cuGraphGetNodes(graph, nullptr, &nodes));
  SAME(nodes, size_t{3});
  SAME(device.download(copy, 1)[0], 0.0f);
  OK(cu().cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cu().cuGraphDestroy(graph));
  for (int i = 1; i <= 2; i++) {
    host[0] = static_cast<float>(i);  // pinned memory is read again
    OK(cu().cuGraphUpload(exec, device.stream));
    OK(cu().cuGraphLaunch(exec, device.stream));
    device.synchronize();
    SAME(device.download(copy, 1)[0], static_cast<float>(i) + 0.5f);
  }
  OK(cu().cuGraphExecDestroy(exec));
  OK(cu().cuMemFreeHost(pinned));
}

CASE("capture", otherWork, "another stream joins a capture by an event, and must come back") {
  Device device;
  CUstream side = nullptr;
  CUevent fork = nullptr, back = nullptr;
  OK(cu().cuStreamCreate(&side, CU_STREAM_NON_BLOCKING));
  OK(cu().cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  OK(cu().cuEventCreate(&back, CU_EVENT_DISABLE_TIMING));
  const CUdeviceptr memory = device.allocate(4);
  CUgraph graph = nullptr;
  for (const bool joins : {true, false}) {
    OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
    OK(cu().cuEventRecord(fork, device.stream));
    OK(cu().cuStreamWaitEvent(side, fork, 0));
    OK(cu().cuMemsetD8Async(memory, 1, 4, side));
    SAME(static_cast<unsigned>(statusOf(side)), static_cast<unsigned>(CU_STREAM_CAPTURE_STATUS_ACTIVE));
    if (joins) {
      OK(cu().cuEventRecord(back, side));
      OK(cu().cuStreamWaitEvent(device.stream, back, 0));
    }
    GIVES(joins ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cu().cuStreamEndCapture(device.stream, &graph));
    if (joins) OK(cu().cuGraphDestroy(graph));
    SAME(static_cast<unsigned>(statusOf(side)), static_cast<unsigned>(CU_STREAM_CAPTURE_STATUS_NONE));
  }
  OK(cu().cuEventDestroy_v2(fork));
  OK(cu().cuEventDestroy_v2(back));
  OK(cu().cuStreamDestroy_v2(side));
}

CASE("capture", forbidden, "waiting, asking, allocating and freeing lose the capture") {
  Device device;
  CUdeviceptr memory = device.allocate(4), made = 0;
  void* pinned = nullptr;
  float pageable = 0;
  const CUresult no = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  losesCapture(device, no, [&] { return cu().cuStreamSynchronize(device.stream); });
  losesCapture(device, no, [&] { return cu().cuStreamQuery(device.stream); });
  losesCapture(device, no, [&] { return cu().cuCtxSynchronize(); });
  losesCapture(device, no, [&] { return cu().cuMemAlloc_v2(&made, 4); });
  losesCapture(device, no, [&] { return cu().cuMemFree_v2(memory); });
  losesCapture(device, no, [&] { return cu().cuMemHostAlloc(&pinned, 4, 0); });
  losesCapture(device, no, [&] { return cu().cuMemcpyDtoHAsync_v2(&pageable, memory, 4, device.stream); });
  losesCapture(device, no, [&] { return cu().cuMemcpyHtoDAsync_v2(memory, &pageable, 4, device.stream); });
}

CASE("capture", lostStays, "after the capture is lost, the stream takes nothing until it is ended") {
  Device device;
  const CUdeviceptr memory = device.allocate(4);
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cu().cuStreamSynchronize(device.stream));
  GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().cuMemsetD8Async(memory, 0, 4, device.stream));
  endLost(device.stream);
}

CASE("capture", events, "events of a capture cannot be asked, and events of before it cannot be waited for") {
  Device device;
  CUevent event = nullptr;
  OK(cu().cuEventCreate(&event, 0));
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuEventRecord(event, device.stream));
  GIVES(907, cu().cuEventQuery(event));
  endLost(device.stream);
  OK(cu().cuEventRecord(event, device.stream));
  losesCapture(device, CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
               [&] { return cu().cuStreamWaitEvent(device.stream, event, 0); });
  OK(cu().cuEventDestroy_v2(event));
}

CASE("capture", threads,
     "another thread may allocate during a thread-local capture, not during a global one, nor end it") {
  Device device;
  CUgraph graph = nullptr;
  const auto elsewhere = [&] {
    CUresult allocated = CUDA_SUCCESS, ended = CUDA_SUCCESS;
    std::thread([&] {
      cu().cuCtxSetCurrent(device.context);
      CUdeviceptr memory = 0;
      allocated = cu().cuMemAlloc_v2(&memory, 4);
      if (allocated == CUDA_SUCCESS) cu().cuMemFree_v2(memory);
      ended = cu().cuStreamEndCapture(device.stream, &graph);
    }).join();
    GIVES(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, ended);
    return allocated;
  };
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(elsewhere());
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  OK(cu().cuGraphDestroy(graph));
  OK(cu().cuStreamBeginCapture_v2(device.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, elsewhere());
  endLost(device.stream);
}

CASE("capture", wholeContext, "another thread that waits for the whole context loses even a thread-local capture") {
  Device device;
  CUresult result = CUDA_SUCCESS;
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  std::thread([&] {
    cu().cuCtxSetCurrent(device.context);
    result = cu().cuCtxSynchronize();
  }).join();
  GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, result);
  endLost(device.stream);
}

CASE("capture", legacyStream, "the legacy stream is not captured, and forbids captures of blocking streams") {
  Device device(CU_STREAM_DEFAULT);
  const CUdeviceptr memory = device.allocate(4);
  GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cu().cuStreamBeginCapture_v2(nullptr, kLocal));
  losesCapture(device, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, [&] { return cu().cuMemsetD8Async(memory, 0, 4, nullptr); });
}

CASE("capture", freedMemory, "a graph whose memory was freed makes the context fail") {
  Device device;
  CUdeviceptr memory = 0;
  OK(cu().cuMemAlloc_v2(&memory, 4));
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuMemsetD8Async(memory, 0, 4, device.stream));
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  OK(cu().cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cu().cuMemFree_v2(memory));
  OK(cu().cuGraphLaunch(exec, device.stream));
  GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cu().cuStreamSynchronize(device.stream));
  SAME(takeViolations(), size_t{1});
  std::exit(failures() == 0 ? 0 : 1);
}

CASE("capture", destroyedInFlight, "a graph that is queued must not be destroyed") {
  Device device;
  const CUgraphExec exec = filled(device, device.allocate(4));
  OK(cu().cuGraphLaunch(exec, device.stream));
  OK(cu().cuGraphExecDestroy(exec));
  SAME(takeViolations(), size_t{1});
  device.synchronize();
}

CASE("capture", toldErrors, "calls answer the errors that they are told to, and nothing is left of what they began") {
  Device device;
  const CUdeviceptr memory = device.allocate(4);
  setenv("CUGRU_SIMULATED_GRAPH_ERRORS", "begin=900@2,end=901@2,instantiate=2@2,launch=2@1", 1);
  const CUgraphExec exec = filled(device, memory);
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cu().cuGraphLaunch(exec, device.stream));
  OK(cu().cuGraphLaunch(exec, device.stream));
  device.synchronize();
  OK(cu().cuGraphExecDestroy(exec));
  CUgraph graph = nullptr;
  CUgraphExec none = nullptr;
  GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().cuStreamEndCapture(device.stream, &graph));
  TRUE(graph == nullptr);
  SAME(static_cast<unsigned>(statusOf(device.stream)), static_cast<unsigned>(CU_STREAM_CAPTURE_STATUS_NONE));
  OK(cu().cuStreamBeginCapture_v2(device.stream, kLocal));
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  GIVES(CUDA_ERROR_OUT_OF_MEMORY, cu().cuGraphInstantiateWithFlags(&none, graph, 0));
  OK(cu().cuGraphDestroy(graph));
}

}  // namespace simulated_check
