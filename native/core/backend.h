// The contract between a Program and a backend. A Program knows no more of a device than this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/op_desc.h"
#include "core/step_control.h"

namespace cugru {

// Memory that kernels can reach; host code must go through Backend::upload and download.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* data() const noexcept = 0;
  virtual size_t bytes() const noexcept = 0;
  // Tells it from memory that lay, or will lie, at the same address: what was recorded on one is not replayed on another.
  virtual uint64_t id() const noexcept { return 0; }
};

class Stream;

// Device work that was kept instead of done (a CUDA graph). Each replay does it, on what lies in the same memory then.
class Recording {
 public:
  virtual ~Recording() = default;
  // Queues the work. Not empty: why it was refused, and nothing was queued. Throws when the device was lost.
  virtual std::string replay(Stream& stream) = 0;
};

struct Recorded {
  std::unique_ptr<Recording> recording;  // null: nothing was kept, and nothing done
  std::string why;                       // it is null
};

// The device's own time of parts of what is queued. Nobody waits for it: the host is told later.
class SpanClock {
 public:
  virtual ~SpanClock() = default;
  virtual void begin() = 0;
  virtual void end() = 0;
  virtual double seconds() = 0;  // of all spans that ended; all of it is done
};

// A choice among algorithms that was found by trying, as text: what it is for, and what was found.
struct Choice {
  std::string key, lines;
};

// An ordered queue of device work. On the CPU: the threads that a call may use, and work is done when a call returns.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void synchronize() = 0;
  // Around many steps in a row: a hint to keep at hand what the next step needs.
  virtual void enterRun() noexcept {}
  virtual void leaveRun() noexcept {}
  // Keeps what `work` queues. It has been done at least once before, so that all that is made at a first time is there, and it
  // neither uploads, downloads, allocates nor waits. Throws when the device was lost. See Backend::recordsSteps.
  virtual Recorded record(const std::function<void()>& work) {
    (void)work;
    return {nullptr, "this backend records nothing"};
  }
  // A clock without spans; its earlier ones are forgotten. The stream's own; null: the device keeps no time of its own.
  virtual SpanClock* spanClock() { return nullptr; }
};

class StreamRun {
 public:
  explicit StreamRun(Stream& stream) : stream_(stream) { stream_.enterRun(); }
  ~StreamRun() { stream_.leaveRun(); }
  StreamRun(const StreamRun&) = delete;
  StreamRun& operator=(const StreamRun&) = delete;

 private:
  Stream& stream_;
};

struct KernelSizes {
  size_t workspace = 0;  // bytes needed only while forward or backward runs; shared by all kernels of a Program
  size_t saved = 0;      // bytes that live from forward to backward; 0 when not training
};

// What a loss kernel counts. `classes * classes` counts of the confusion matrix (row: truth, column: answer) follow it.
struct LossMetrics {
  double lossSum = 0;  // over valid rows
  int64_t rows = 0;
  int64_t correct = 0;
  int64_t* confusion() { return reinterpret_cast<int64_t*>(this + 1); }
};

// Everything a kernel touches. Pointers are to backend memory, 64-byte aligned. Null means: left out, not wanted, or zero.
struct KernelArgs {
  const void* const* inputs = nullptr;
  void* const* outputs = nullptr;
  const float* params = nullptr;   // the group's slice, in the backend's physical layout
  float* buffers = nullptr;        // the slice of the group that the operation keeps (running statistics), canonical
  const void* prepared = nullptr;  // what ParameterLayout::prepare made of params
  void* workspace = nullptr;
  void* saved = nullptr;
  const StepControl* control = nullptr;
  LossMetrics* metrics = nullptr;  // loss kernels only: added to by forward

  // backward only; the inputs and outputs above still hold what forward saw and wrote
  const void* const* outputGradients = nullptr;
  void* const* inputGradients = nullptr;  // overwritten
  float* paramGradients = nullptr;        // added to, in the layout of params
};

// One node's work. A kernel allocates nothing after construction and keeps no state between calls but its plan.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual KernelSizes sizes() const = 0;
  virtual std::string variant() const = 0;  // which implementation was chosen, for summary(): "cpu fused avx2"
  // Why a step that it is part of cannot be recorded: it waits for the device, or its calls depend on what is there. Empty: it can.
  virtual std::string recordRefusal() const { return ""; }
  virtual void forward(const KernelArgs& args, Stream& stream) = 0;
  virtual void backward(const KernelArgs& args, Stream& stream) = 0;  // ERR_INTERNAL for ops without gradient
};

// A run of a group's canonical floats, and where it begins in the physical slice.
struct ParamPlace {
  int64_t canonical = 0, physical = 0, count = 0;
};

// How a backend stores one group of parameters, and what it derives from them once per update.
class ParameterLayout {
 public:
  virtual ~ParameterLayout() = default;
  virtual int64_t elements() const = 0;  // floats of the physical slice (padding included, kept zero)
  virtual std::vector<ParamPlace> places()
      const = 0;                             // of all floats, in canonical order; a matrix is cut between rows only
  virtual size_t preparedBytes() const = 0;  // 0 when kernels read params directly
  // Between host floats in canonical form (all of the group's params, one after the other) and a physical slice.
  virtual void fromCanonical(const float* canonical, float* params, Stream& stream) const = 0;
  virtual void toCanonical(const float* params, float* canonical, Stream& stream) const = 0;
  virtual void prepare(const float* params, void* prepared, Stream& stream) const = 0;
};

enum class OptimizerKind : uint8_t { sgd, adam, adamw };

struct OptimizerDesc {
  OptimizerKind kind = OptimizerKind::sgd;
  float momentum = 0;                 // sgd
  bool nesterov = false;              // sgd
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw
  float epsilon = 1e-8f;
  float weightDecay = 0;  // sgd, adam: added to the gradient (L2); adamw: decoupled
  float clipNorm = 0;     // of all gradients together; 0: off
  // Where gradients pass through float16: the first factor on them (a power of two), and after how many updates that did not
  // overflow it is doubled.
  float lossScale = 65536;
  int32_t lossScaleGrowth = 2000;
  int slots() const { return kind == OptimizerKind::sgd ? (momentum != 0 ? 1 : 0) : 2; }
};

// A run of the flat buffer that is updated alike; runs come in order.
//   l2       2 * l2 * w is added to the gradient of w, before the norm of all gradients is taken: the penalty l2 * sum(w^2)
//   maxNorm  after an update each row is scaled down to this Euclidean norm where it is above; 0: off
struct ParamRange {
  int64_t first = 0, count = 0;
  bool frozen = false;
  float rateFactor = 1, decayFactor = 1;
  float l2 = 0, maxNorm = 0;
  int64_t rowLength = 0;  // where there is a maxNorm: the run is whole rows of this many floats
};
inline bool operator==(const ParamRange& a, const ParamRange& b) {
  return a.first == b.first && a.count == b.count && a.frozen == b.frozen && a.rateFactor == b.rateFactor &&
         a.decayFactor == b.decayFactor && a.l2 == b.l2 && a.maxNorm == b.maxNorm && a.rowLength == b.rowLength;
}

// What updates leave behind; zeroed before a run.
struct UpdateReport {
  float gradientNorm = 0;  // of all gradients together before clipping, at the last update
  int32_t skipped = 0;     // updates left out: the first whose norm is not finite, and all after it in the run
  int32_t overflowed = 0;  // updates left out because a smaller loss scale may help; they count as steps
};

// How gradients are scaled on their way through float16. A scale of 0: nothing runs in it.
struct LossScale {
  float scale = 0;
  int32_t good = 0;     // updates since it was last changed
  int32_t leftOut = 0;  // updates in all that overflowed
};

struct OptimizerArgs {
  float* params = nullptr;
  float* gradients = nullptr;  // zeroed by the update
  float* slots[2] = {nullptr, nullptr};
  int64_t elements = 0;
  const ParamRange* ranges = nullptr;  // host memory, constant after configuration
  size_t rangeCount = 0;
  void* workspace = nullptr;
  UpdateReport* report = nullptr;  // out, in backend memory
  const StepControl* control = nullptr;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual size_t workspace() const = 0;
  // Before the first update of a run, and never while recording: uploads what the host has changed since the last.
  virtual void begin(const OptimizerArgs& args, Stream& stream) {
    (void)args;
    (void)stream;
  }
  virtual void update(const OptimizerArgs& args, Stream& stream) = 0;
  virtual LossScale lossScale(Stream&) { return {}; }
  virtual void setLossScale(const LossScale&) {}  // when resuming; the scale is not 0
};

struct Support {
  bool ok = true;
  std::string reason;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;         // "cpu", "cuda:0"
  virtual std::string description() const = 0;  // "cpu (avx2, 2 threads)"

  virtual Support supports(const OpDesc& desc) const = 0;
  virtual std::unique_ptr<Kernel> createKernel(const OpDesc& desc) = 0;  // ERR_UNSUPPORTED with the reason
  virtual std::unique_ptr<ParameterLayout> createLayout(const GroupDesc& desc) = 0;
  virtual std::unique_ptr<Optimizer> createOptimizer(const OptimizerDesc& desc, int64_t elements) = 0;

  virtual std::unique_ptr<Stream> createStream() = 0;
  // A stream whose work is done on the calling thread alone, before the call returns (for one streaming step).
  virtual std::unique_ptr<Stream> createInlineStream() = 0;  // ERR_UNSUPPORTED where there is no such thing
  // Whether its streams record steps, which pays where queueing work costs time. Where they do: why not now; empty: nothing is against it.
  virtual bool recordsSteps() const { return false; }
  virtual std::string recordRefusal() const { return ""; }
  // The choices that its kernels go by, for whoever makes the same ones later; and such of earlier sessions, which are heeded where
  // nothing better is known and their keys are those of today. From any thread.
  virtual std::vector<Choice> choices() const { return {}; }
  virtual void offerChoices(const std::vector<Choice>& choices) { (void)choices; }
  virtual bool usesHostMemory() const { return false; }        // host buffers need no copy to be slabs
  virtual std::unique_ptr<Memory> allocate(size_t bytes) = 0;  // zeroed; ERR_OUT_OF_MEMORY names wanted and free
  virtual void upload(void* device, const void* host, size_t bytes, Stream& stream) = 0;
  virtual void download(void* host, const void* device, size_t bytes, Stream& stream) = 0;
  virtual void copy(void* to, const void* from, size_t bytes, Stream& stream) = 0;
  virtual void zero(void* device, size_t bytes, Stream& stream) = 0;
  virtual void accumulate(float* sum, const float* term, int64_t elements, Stream& stream) = 0;  // sum += term
  // *control = run[*next], and *next goes on by one: how a step, recorded or not, comes to its numbers without the host.
  virtual void takeControl(StepControl* control, const StepControl* run, int64_t* next, Stream& stream) = 0;
};

}  // namespace cugru
