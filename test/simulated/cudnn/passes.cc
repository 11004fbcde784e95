// The three passes: everything that can be checked when they are called, then an operation in the handle's stream.
#include "core/capture.h"
#include "core/settings.h"
#include "cudnn/exported.h"
#include "cudnn/limits.h"
#include "cudnn/run.h"
#include "cudnn/weights.h"

namespace simulated {

namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

using Runner = CUresult (*)(Context&, const RnnCall&);

// One call on its way into the stream. Every step gives what cuDNN would answer.
class Entry {
 public:
  Entry(const char* name, Stage stage) : name_(name), stage_(stage) {}

  RnnCall call;

  cudnnStatus_t open(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnRNNDataDescriptor_t x,
                     cudnnRNNDataDescriptor_t y) {
    handle_ = handles().find(handle);
    const auto rnn = rnnDescriptors().find(desc);
    const auto xDesc = dataDescriptors().find(x), yDesc = dataDescriptors().find(y);
    if (handle_ == nullptr) return bad("this is no handle");
    if (rnn == nullptr || xDesc == nullptr || yDesc == nullptr) return bad("a descriptor is missing");
    if (!rnn->ready || !xDesc->ready || !yDesc->ready) return bad("a descriptor was not set");
    call.rnn = *rnn;
    call.x = *xDesc;
    call.y = *yDesc;
    SIMULATED_TRY(findContext());
    SIMULATED_TRY(checkData());
    SIMULATED_TRY(checkAlgorithm(call.rnn, call.x, stage_));
    return checkBuilt(call.rnn, call.x);
  }

  cudnnStatus_t states(cudnnTensorDescriptor_t h, bool anyH, cudnnTensorDescriptor_t c, bool anyC) {
    SIMULATED_TRY(checkState("hDesc", h, anyH));
    return call.rnn.cell == CUDNN_LSTM ? checkState("cDesc", c, anyC) : CUDNN_STATUS_SUCCESS;
  }

  cudnnStatus_t lengths(const int32_t* lengths) {
    constexpr size_t kIgnoredSince = 8901;
    if (playedVersion() >= kIgnoredSince) return CUDNN_STATUS_SUCCESS;
    call.lengths = lengths;
    return memory("devSeqLengths", lengths, static_cast<size_t>(call.x.batch) * 4, true, 4);
  }

  cudnnStatus_t x(const void* pointer) { return memory("x", pointer, bytesOf(call.x), true); }
  cudnnStatus_t y(const char* what, const void* pointer) { return memory(what, pointer, bytesOf(call.y), true); }
  cudnnStatus_t state(const char* what, const void* pointer) {
    const size_t count = call.stateCount() * call.rnn.layers * call.rnn.directions();
    return memory(what, pointer, count * sizeOf(numberOf(call.rnn.type)), false);
  }

  cudnnStatus_t weights(const char* what, const void* pointer, size_t bytes) {
    const size_t needed = WeightLayout(call.rnn).bytes();
    if (bytes < needed)
      return refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, join(what, " has ", bytes, " of ", needed));
    return memory(what, pointer, needed, true);
  }

  cudnnStatus_t spaces(size_t workGiven, void* work, size_t reserveGiven, void* reserve, bool needsReserve) {
    call.workBytes = simulated::workBytes(call.rnn, call.x);
    call.reserveBytes = needsReserve ? simulated::reserveBytes(call.rnn, call.x) : 0;
    if (workGiven < call.workBytes || (needsReserve && reserveGiven < call.reserveBytes)) {
      return refuse(
          CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
          join("workspace ", workGiven, " of ", call.workBytes, ", reserve ", reserveGiven, " of ", call.reserveBytes));
    }
    call.work = work;
    SIMULATED_TRY(memory("workSpace", work, call.workBytes, true));
    if (!needsReserve) return CUDNN_STATUS_SUCCESS;
    call.reserve = reserve;
    return memory("reserveSpace", reserve, call.reserveBytes, true);
  }

  cudnnStatus_t submitTo(Runner run) {
    std::shared_ptr<Stream> stream;
    if (findStream(*context_, handle_->stream, stream) != CUDA_SUCCESS) {
      return refuse(CUDNN_STATUS_INTERNAL_ERROR, "the handle's stream cannot be used");
    }
    SIMULATED_TRY(checkCapture(*stream));
    call.wrong = isWrong(call.rnn, call.x, stage_);
    const CUresult result =
        submit(*stream, {name_, ranges_, [run, call = call](Context& context) { return run(context, call); },
                         costOf(call.rnn, call.x, stage_)});
    return result == CUDA_SUCCESS ? CUDNN_STATUS_SUCCESS
                                  : refuse(CUDNN_STATUS_EXECUTION_FAILED, "the stream takes nothing");
  }

 private:
  size_t bytesOf(const DataDescriptor& desc) const { return desc.rows() * desc.width * sizeOf(numberOf(desc.type)); }

  cudnnStatus_t findContext() {
    if (const CUresult result = enter(context_); result != CUDA_SUCCESS) {
      return refuse(CUDNN_STATUS_EXECUTION_FAILED, join("the context answers ", static_cast<unsigned>(result)));
    }
    return context_ == handle_->context ? CUDNN_STATUS_SUCCESS : bad("the handle is of another context");
  }

  cudnnStatus_t checkData() {
    const DataDescriptor &x = call.x, &y = call.y;
    if (x.type != call.rnn.type || y.type != call.rnn.type) return bad("the types of RNN, x and y differ");
    if (x.layout != y.layout || x.steps != y.steps || x.batch != y.batch || x.lengths != y.lengths) {
      return bad("xDesc and yDesc differ in layout, maxSeqLength, batchSize or lengths");
    }
    if (x.width != call.rnn.inputSize) return bad("xDesc's vectorSize is not inputSize");
    if (y.width != call.rnn.hiddenSize * call.rnn.directions())
      return bad("yDesc's vectorSize is not hiddenSize * directions");
    const bool packed = x.layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
    const bool padded = call.rnn.flags == kRnnPaddedIoEnabled;
    if (packed && padded) return bad("packed sequences need CUDNN_RNN_PADDED_IO_DISABLED");
    const bool needsPadding = x.layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED || (!packed && x.ragged());
    return needsPadding && !padded ? bad("this layout needs CUDNN_RNN_PADDED_IO_ENABLED") : CUDNN_STATUS_SUCCESS;
  }

  // [layers * directions, batch, hidden], packed; ones may follow.
  cudnnStatus_t checkState(const char* what, cudnnTensorDescriptor_t handle, bool needed) {
    if (handle == nullptr && !needed) return CUDNN_STATUS_SUCCESS;
    const auto desc = tensorDescriptors().find(handle);
    if (desc == nullptr || !desc->ready) return bad(join(what, " was not set"));
    if (desc->type != call.rnn.type) return bad(join(what, " is of another type"));
    std::vector<int> wanted{call.rnn.layers * call.rnn.directions(), call.x.batch, call.rnn.hiddenSize};
    wanted.resize(std::max<size_t>(desc->sizes.size(), 3), 1);
    if (desc->sizes != wanted) return refuse(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, join(what, " has the wrong shape"));
    int stride = 1;
    for (size_t i = wanted.size(); i-- > 0;) {
      if (desc->strides[i] != stride) return bad(join(what, " is not packed"));
      stride *= wanted[i];
    }
    return CUDNN_STATUS_SUCCESS;
  }

  // All of it must be device memory; the vendor would find out while it runs.
  cudnnStatus_t memory(const char* what, const void* pointer, size_t bytes, bool required, size_t alignment = 16) {
    if (pointer == nullptr) {
      return required ? refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, join(what, " is null")) : CUDNN_STATUS_SUCCESS;
    }
    const auto begin = reinterpret_cast<uintptr_t>(pointer);
    if (begin % alignment != 0) return refuse(kMisaligned, join(what, " is not aligned to ", alignment, " bytes"));
    Range range;
    if (!deviceRange(*context_, begin, bytes, &range)) {
      violation(join(name_, ": ", what, " needs ", describe(begin, bytes)));
      return refuse(CUDNN_STATUS_EXECUTION_FAILED, join(what, " is not all in device memory"));
    }
    ranges_.push_back(range);
    return CUDNN_STATUS_SUCCESS;
  }

  // The first run of something loads and allocates, which a capture forbids; and blocking streams get in each other's way.
  cudnnStatus_t checkCapture(const Stream& stream) {
    const std::string what = join(name_, " ", call.rnn.algo, " ", call.rnn.cell, " ", call.training);
    if (stream.capture == nullptr) {
      handle_->warm.insert(what);
      return CUDNN_STATUS_SUCCESS;
    }
    const bool cold = handle_->warm.count(what) == 0 && numberSetting("COLD_CAPTURE", 0) == 0;
    if (!cold && !stream.blocking()) return CUDNN_STATUS_SUCCESS;
    invalidate(*stream.capture);
    return refuse(CUDNN_STATUS_INTERNAL_ERROR, cold ? "nothing like it has run outside of a capture yet"
                                                    : "a stream that is captured must be CU_STREAM_NON_BLOCKING");
  }

  const char* name_;
  Stage stage_;
  std::shared_ptr<Handle> handle_;
  Context* context_ = nullptr;
  std::vector<Range> ranges_;
};

}  // namespace

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode,
                              const int32_t* lengths, cudnnRNNDataDescriptor_t xDesc, const void* x,
                              cudnnRNNDataDescriptor_t yDesc, void* y, cudnnTensorDescriptor_t hDesc, const void* hx,
                              void* hy, cudnnTensorDescriptor_t cDesc, const void* cx, void* cy, size_t weightBytes,
                              const void* weights, size_t workBytes, void* work, size_t reserveBytes, void* reserve) {
  Guard guard;
  if (mode > CUDNN_FWD_MODE_TRAINING) return refuse(CUDNN_STATUS_BAD_PARAM, "there is no such forward mode");
  Entry entry("cudnnRNNForward", Stage::forward);
  SIMULATED_TRY(entry.open(handle, desc, xDesc, yDesc));
  RnnCall& call = entry.call;
  call.training = mode == CUDNN_FWD_MODE_TRAINING;
  const bool lstm = call.rnn.cell == CUDNN_LSTM;
  SIMULATED_TRY(entry.states(hDesc, hx != nullptr || hy != nullptr, cDesc, cx != nullptr || cy != nullptr));
  SIMULATED_TRY(entry.lengths(lengths));
  SIMULATED_TRY(entry.x(call.xData = x));
  SIMULATED_TRY(entry.y("y", call.yOut = y));
  SIMULATED_TRY(entry.state("hx", call.hx = hx));
  SIMULATED_TRY(entry.state("hy", call.hy = hy));
  SIMULATED_TRY(entry.state("cx", call.cx = lstm ? cx : nullptr));
  SIMULATED_TRY(entry.state("cy", call.cy = lstm ? cy : nullptr));
  SIMULATED_TRY(entry.weights("weightSpace", call.weights = weights, weightBytes));
  SIMULATED_TRY(entry.spaces(workBytes, work, reserveBytes, reserve, call.training));
  simulated::count("rnnForward");
  return entry.submitTo(runForward);
}

cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, const int32_t* lengths,
                                      cudnnRNNDataDescriptor_t yDesc, const void* y, const void* dy,
                                      cudnnRNNDataDescriptor_t xDesc, void* dx, cudnnTensorDescriptor_t hDesc,
                                      const void* hx, const void* dhy, void* dhx, cudnnTensorDescriptor_t cDesc,
                                      const void* cx, const void* dcy, void* dcx, size_t weightBytes,
                                      const void* weights, size_t workBytes, void* work, size_t reserveBytes,
                                      void* reserve) {
  Guard guard;
  Entry entry("cudnnRNNBackwardData_v8", Stage::backward);
  SIMULATED_TRY(entry.open(handle, desc, xDesc, yDesc));
  RnnCall& call = entry.call;
  const bool lstm = call.rnn.cell == CUDNN_LSTM;
  SIMULATED_TRY(entry.states(hDesc, hx != nullptr || dhy != nullptr || dhx != nullptr, cDesc,
                             cx != nullptr || dcy != nullptr || dcx != nullptr));
  SIMULATED_TRY(entry.lengths(lengths));
  SIMULATED_TRY(entry.y("y", call.yData = y));
  SIMULATED_TRY(entry.y("dy", call.dyData = dy));
  SIMULATED_TRY(entry.x(call.dxOut = dx));
  SIMULATED_TRY(entry.state("hx", call.hx = hx));
  SIMULATED_TRY(entry.state("dhy", call.dhy = dhy));
  SIMULATED_TRY(entry.state("dhx", call.dhx = dhx));
  SIMULATED_TRY(entry.state("cx", call.cx = lstm ? cx : nullptr));
  SIMULATED_TRY(entry.state("dcy", call.dcy = lstm ? dcy : nullptr));
  SIMULATED_TRY(entry.state("dcx", call.dcx = lstm ? dcx : nullptr));
  SIMULATED_TRY(entry.weights("weightSpace", call.weights = weights, weightBytes));
  SIMULATED_TRY(entry.spaces(workBytes, work, reserveBytes, reserve, true));
  simulated::count("rnnBackwardData");
  return entry.submitTo(runBackwardData);
}

cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnWgradMode_t mode,
                                         const int32_t* lengths, cudnnRNNDataDescriptor_t xDesc, const void* x,
                                         cudnnTensorDescriptor_t hDesc, const void* hx, cudnnRNNDataDescriptor_t yDesc,
                                         const void* y, size_t weightBytes, void* dweights, size_t workBytes,
                                         void* work, size_t reserveBytes, void* reserve) {
  Guard guard;
  if (mode != CUDNN_WGRAD_MODE_ADD) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "only CUDNN_WGRAD_MODE_ADD is supported");
  Entry entry("cudnnRNNBackwardWeights_v8", Stage::backward);
  SIMULATED_TRY(entry.open(handle, desc, xDesc, yDesc));
  RnnCall& call = entry.call;
  SIMULATED_TRY(entry.states(hDesc, hx != nullptr, nullptr, false));
  SIMULATED_TRY(entry.lengths(lengths));
  SIMULATED_TRY(entry.x(call.xData = x));
  SIMULATED_TRY(entry.y("y", call.yData = y));
  SIMULATED_TRY(entry.state("hx", call.hx = hx));
  SIMULATED_TRY(entry.weights("dweightSpace", call.dweights = dweights, weightBytes));
  SIMULATED_TRY(entry.spaces(workBytes, work, reserveBytes, reserve, true));
  simulated::count("rnnBackwardWeights");
  return entry.submitTo(runBackwardWeights);
}

}  // namespace cugru::cuda
