// A graph compiled for one batch size: kernels, one arena, and four segments (forward, loss, backward, update) that are
// run for many batches in one call. Nothing is allocated while it runs.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "program/autodiff.h"
#include "program/control_feed.h"
#include "program/host_buffer.h"
#include "program/memory_plan.h"
#include "program/parameter_store.h"
#include "program/step_recorder.h"

namespace cugru {

enum Segment : unsigned { kForward = 1, kLoss = 2, kBackward = 4, kUpdate = 8, kZeroGradients = 16 };

// A host buffer bound to a graph input or output, all batches one after the other in canonical order.
struct HostBinding {
  int32_t index = -1;  // of graph.inputs or graph.outputs
  std::shared_ptr<HostBuffer> buffer;
};
struct SlabBinding {
  int32_t index = -1;  // of graph.inputs
  std::shared_ptr<Slab> slab;
};

struct RunRequest {
  unsigned segments = kForward;
  int64_t rows = 0;                  // over all batches; the last batch may be partial
  std::vector<int32_t> indices;      // one per row; empty: 0, 1, 2, ...
  std::vector<float> learningRates;  // one per batch (update)
  uint64_t seed = 0;
  int32_t epoch = 0;
  float gradientScale = 1;
  std::vector<SlabBinding> slabs;
  std::vector<HostBinding> inputs;            // value inputs
  std::vector<HostBinding> outputs;           // after forward
  std::vector<HostBinding> seeds;             // gradients of seeded outputs, before backward; left out: zero
  std::vector<HostBinding> gradients;         // of inputs, after backward
  bool profile = false;                       // time each operation; the device is waited for after each
  bool timeReplays = false;                   // by the device's clock; nobody waits for it
  std::shared_ptr<std::atomic<bool>> cancel;  // looked at before each batch
  const std::atomic<bool>* stop = nullptr;    // likewise; of the session
};

struct LossResult {
  double lossSum = 0;
  int64_t rows = 0, correct = 0, classes = 0;
  std::vector<int64_t> confusion;  // classes * classes, row: truth
};

struct NodeSeconds {
  std::string name, op, variant;
  double forward = 0, backward = 0;  // over all batches of the run
};

struct RunResult {
  int64_t batches = 0;   // done; fewer than asked when cancelled
  int64_t replayed = 0;  // of them, by replaying a recorded step
  bool cancelled = false;
  double seconds = 0;  // of compute
  std::optional<double>
      replaySeconds;       // of the replayed steps, on the device; where it was asked for and there is a clock
  float gradientNorm = 0;  // before clipping, at the last update
  int64_t skipped = 0;     // updates left out: the gradients were not finite
  int64_t overflowed = 0;  // updates left out and counted: gradients overflowed in float16
  uint64_t step = 0;       // of the store, after
  std::vector<LossResult> losses;
  std::vector<NodeSeconds> nodes;  // when profiled
};

struct NodeReport {
  std::string name, op, variant;
};

class Program {
 public:
  // `planOnly`: shapes are checked and memory is planned, nothing is allocated; run is refused.
  Program(Backend& backend, std::shared_ptr<ParameterStore> store, GraphSpec graph, Mode mode, int64_t batch,
          bool planOnly = false);

  RunResult run(const RunRequest& request, Stream& stream);

  // The path of a streaming step: slabs bound once and for all (row 0 is read), then forward alone, with value inputs
  // already in place (see inputData).
  void bindOnce(const std::vector<SlabBinding>& slabs, Stream& stream);
  void forwardOnce(const StepControl& control, Stream& stream);
  // Backend memory of a value input or an output; null when this mode does not read or compute it.
  void* inputData(int32_t input) const { return data_.at(graph_.inputs.at(input).tensor); }
  const void* outputData(int32_t output) const;

  const GraphSpec& graph() const { return graph_; }
  int64_t batch() const { return batch_; }
  size_t arenaBytes() const { return arenaBytes_; }
  std::vector<NodeReport> report() const;
  // How its steps are done: "direct" where work is done when it is called, "graph" where steps are recorded and replayed, else
  // "eager: " and why they are not. From any thread.
  std::string stepping() const;

 private:
  struct Addition {
    float* sum;
    const float* term;
    int64_t elements;
  };
  struct Step {
    std::unique_ptr<Kernel> kernel;
    FlowNode flow;
    OpDesc desc;
    std::vector<const void*> inputs, outputGradients;
    std::vector<void*> outputs, inputGradients;
    std::vector<Addition> additions;  // after its backward: gradients of tensors with several readers
    std::unique_ptr<Memory> metrics;
    int64_t classes = 0;
    KernelArgs args;
    double forwardSeconds = 0, backwardSeconds = 0;  // when profiled
  };
  struct Bounds {
    int32_t low = INT32_MIN, high = INT32_MAX;
  };
  void createSteps();
  void boundIntegers();
  struct Layout;  // what lies where in the arena, before it is allocated
  void plan(Layout& layout);
  void allocate(const Layout& layout);
  void bindPointers(const Layout& layout);
  OpDesc describe(const FlowNode& flow) const;

  void check(const RunRequest& request) const;
  void checkSlabs(const RunRequest& request) const;
  void checkHostBindings(const RunRequest& request) const;
  void checkOrder(const RunRequest& request) const;
  void bindSlabs(const RunRequest& request);
  void uploadIndices(const RunRequest& request, Stream& stream);
  void uploadValue(int32_t tensor, const char* canonical, int64_t rows, Stream& stream, void* to);
  void downloadValue(int32_t tensor, char* canonical, int64_t rows, Stream& stream, const void* from);
  void runBatch(const RunRequest& request, int64_t index, RunResult& result, Stream& stream);
  StepControl controlOf(const RunRequest& request, int64_t index) const;
  bool records(const RunRequest& request) const;
  void identify(const RunRequest& request);
  void queueStep(const RunRequest& request, int64_t first, int64_t rows, Stream& stream);
  void uploadSeeds(const RunRequest& request, int64_t first, int64_t rows, Stream& stream);
  std::string recordRefusal() const;
  template <typename Work>
  void timed(double& seconds, Stream& stream, const Work& work);
  void forward(bool losses, Stream& stream);
  void backward(Stream& stream);
  void collect(RunResult& result, Stream& stream);

  Backend& backend_;
  std::shared_ptr<ParameterStore> store_;
  GraphSpec graph_;
  Mode mode_;
  bool planOnly_;
  bool profiling_ = false;
  SpanClock* clock_ = nullptr;  // of the stream, while a run takes the time of its replays
  bool keepsBuffers_ = false;   // some operation writes what it keeps
  int64_t batch_;
  Flow flow_;
  std::vector<Step> steps_;
  std::vector<Bounds> bounds_;          // by tensor, of i32 tensors
  std::vector<void*> data_, gradient_;  // by tensor; null: not in the arena
  std::vector<bool> external_;          // by tensor: slabs and indices, bound for each run
  size_t arenaBytes_ = 0;
  std::unique_ptr<Memory> arena_, indices_, staging_;
  std::unique_ptr<ControlFeed> controls_;
  std::string eager_;  // why steps are never recorded; empty: they are
  StepRecorder recorder_;
  StepRecorder::Key recordedWith_;  // of this run's steps
  uint64_t runStep_ = 0;            // of the store when this run began
  size_t stagingBytes_ = 0;
  bool forwarded_ = false;  // a forward pass lies in the arena, and no backward pass has overwritten it
};

}  // namespace cugru
