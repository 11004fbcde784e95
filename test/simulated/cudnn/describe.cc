// Descriptors, and what can be asked about them without running anything.
#include "core/capture.h"
#include "cudnn/descriptors.h"
#include "cudnn/exported.h"
#include "cudnn/limits.h"
#include "cudnn/weights.h"

namespace cugru::cuda {

using namespace simulated;

namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }
cudnnStatus_t nullPointer(const std::string& what) {
  return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, what + " is null");
}

template <typename T, typename Handle>
cudnnStatus_t create(Registry<T>& registry, Handle* handle) {
  Guard guard;
  if (handle == nullptr) return nullPointer("the descriptor's address");
  *handle = registry.template add<Handle>(std::make_shared<T>());
  return CUDNN_STATUS_SUCCESS;
}

template <typename T, typename Handle>
cudnnStatus_t destroy(Registry<T>& registry, Handle handle) {
  Guard guard;
  return registry.remove(handle) ? CUDNN_STATUS_SUCCESS : bad("this is no descriptor");
}

// Which types go together, and since when.
cudnnStatus_t checkTypes(cudnnDataType_t type, cudnnDataType_t precision, cudnnMathType_t math) {
  if (math > CUDNN_FMA_MATH) return bad("there is no such mathType");
  switch (type) {
    case CUDNN_DATA_FLOAT:
      return precision == CUDNN_DATA_FLOAT ? CUDNN_STATUS_SUCCESS : bad("float needs mathPrec float");
    case CUDNN_DATA_DOUBLE:
      if (precision != CUDNN_DATA_DOUBLE || math != CUDNN_DEFAULT_MATH)
        return bad("double needs mathPrec double, default math");
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_DATA_HALF:
      if (precision != CUDNN_DATA_FLOAT && precision != CUDNN_DATA_HALF)
        return bad("half needs mathPrec float or half");
      return math != CUDNN_FMA_MATH ? CUDNN_STATUS_SUCCESS : bad("half has no FMA math");
    case CUDNN_DATA_BFLOAT16:
      if (playedVersion() < 91300) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "bfloat16 needs cuDNN 9.13");
      if (precision != CUDNN_DATA_FLOAT) return bad("bfloat16 needs mathPrec float");
      return math != CUDNN_FMA_MATH ? CUDNN_STATUS_SUCCESS : bad("bfloat16 has no FMA math");
    default: return bad("an RNN has no such dataType");
  }
}

cudnnStatus_t checkRnn(const RnnDescriptor& rnn, int projectionSize) {
  if (rnn.algo > CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H) return bad("there is no such algo");
  if (rnn.cell > CUDNN_GRU || rnn.bias > CUDNN_RNN_SINGLE_REC_BIAS) return bad("there is no such cell or bias mode");
  if (rnn.direction > CUDNN_BIDIRECTIONAL || rnn.input > CUDNN_SKIP_INPUT)
    return bad("there is no such direction or input mode");
  SIMULATED_TRY(checkTypes(rnn.type, rnn.mathPrecision, rnn.mathType));
  if (rnn.inputSize < 1 || rnn.hiddenSize < 1 || rnn.layers < 1)
    return bad("inputSize, hiddenSize and numLayers begin at 1");
  if (rnn.input == CUDNN_SKIP_INPUT && rnn.inputSize != rnn.hiddenSize)
    return bad("SKIP_INPUT needs inputSize == hiddenSize");
  if (projectionSize < 1 || projectionSize > rnn.hiddenSize) return bad("projSize goes from 1 to hiddenSize");
  if (projectionSize != rnn.hiddenSize) {
    if (rnn.cell != CUDNN_LSTM || rnn.algo != CUDNN_RNN_ALGO_STANDARD)
      return bad("a projection needs an LSTM and STANDARD");
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "projections are not simulated");
  }
  return rnn.flags <= kRnnPaddedIoEnabled ? CUDNN_STATUS_SUCCESS : bad("there is no such auxFlags");
}

}  // namespace

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* desc) { return create(tensorDescriptors(), desc); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t desc) { return destroy(tensorDescriptors(), desc); }
cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t* desc) {
  return create(dropoutDescriptors(), desc);
}
cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t desc) {
  return destroy(dropoutDescriptors(), desc);
}
cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t* desc) { return create(rnnDescriptors(), desc); }
cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t desc) { return destroy(rnnDescriptors(), desc); }
cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t* desc) { return create(dataDescriptors(), desc); }
cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t desc) { return destroy(dataDescriptors(), desc); }

cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t handle, cudnnDataType_t type, int rank,
                                         const int* sizes, const int* strides) {
  Guard guard;
  constexpr int kMostRank = 8, kLeastRank = 3;
  const auto desc = tensorDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no tensor descriptor");
  if (sizes == nullptr || strides == nullptr) return nullPointer("dimA or strideA");
  if (rank > kMostRank) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "a tensor has at most 8 dimensions");
  if (rank < kLeastRank) return bad("a tensor has at least 3 dimensions here");
  for (int i = 0; i < rank; i++) {
    if (sizes[i] < 1 || strides[i] < 1) return bad("sizes and strides begin at 1");
  }
  *desc = {true, type, std::vector<int>(sizes, sizes + rank), std::vector<int>(strides, strides + rank)};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetTensorNdDescriptor(cudnnTensorDescriptor_t handle, int requested, cudnnDataType_t* type,
                                         int* rank, int* sizes, int* strides) {
  Guard guard;
  const auto desc = tensorDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no tensor descriptor");
  if (type == nullptr || rank == nullptr || sizes == nullptr || strides == nullptr) return nullPointer("a result");
  *type = desc->type;
  *rank = static_cast<int>(desc->sizes.size());
  for (int i = 0; i < requested && i < *rank; i++) sizes[i] = desc->sizes[i], strides[i] = desc->strides[i];
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t handle, cudnnHandle_t cudnn, float dropout,
                                        void* states, size_t bytes, unsigned long long) {
  Guard guard;
  const auto desc = dropoutDescriptors().find(handle);
  if (desc == nullptr || handles().find(cudnn) == nullptr) return bad("this is no dropout descriptor, or no handle");
  if (!(dropout >= 0 && dropout < 1)) return bad("dropout goes from 0 to below 1");
  if (dropout > 0 && (states == nullptr || bytes == 0)) return bad("dropout needs states");
  if (dropout > 0) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "dropout is not simulated");
  desc->ready = true;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t handle, cudnnRNNAlgo_t algo, cudnnRNNMode_t cell,
                                       cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction,
                                       cudnnRNNInputMode_t input, cudnnDataType_t dataType,
                                       cudnnDataType_t mathPrecision, cudnnMathType_t mathType, int32_t inputSize,
                                       int32_t hiddenSize, int32_t projectionSize, int32_t layers,
                                       cudnnDropoutDescriptor_t dropout, uint32_t flags) {
  Guard guard;
  const auto desc = rnnDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no RNN descriptor");
  if (dropout != nullptr) {
    const auto found = dropoutDescriptors().find(dropout);
    if (found == nullptr || !found->ready) return bad("the dropout descriptor was not set");
  }
  const RnnDescriptor made{false,         algo,     cell,      bias,       direction, input, dataType,
                           mathPrecision, mathType, inputSize, hiddenSize, layers,    flags, {}};
  SIMULATED_TRY(checkRnn(made, projectionSize));
  *desc = made;
  desc->ready = true;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNSetClip_v9(cudnnRNNDescriptor_t handle, cudnnRNNClipMode_t mode, double low, double high) {
  Guard guard;
  const auto desc = rnnDescriptors().find(handle);
  if (desc == nullptr || !desc->ready) return bad("the RNN descriptor was not set");
  if (mode == CUDNN_RNN_CLIP_NONE) return CUDNN_STATUS_SUCCESS;
  if (mode > CUDNN_RNN_CLIP_MINMAX || desc->cell != CUDNN_LSTM || !(low <= high))
    return bad("only an LSTM's state is clipped");
  return refuse(CUDNN_STATUS_NOT_SUPPORTED, "clipping is not simulated");
}

cudnnStatus_t cudnnRNNSetClip_v8(cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t mode, cudnnNanPropagation_t, double low,
                                 double high) {
  return cudnnRNNSetClip_v9(desc, mode, low, high);
}

cudnnStatus_t cudnnBuildRNNDynamic(cudnnHandle_t handle, cudnnRNNDescriptor_t descHandle, int batch) {
  Guard guard;
  const auto desc = rnnDescriptors().find(descHandle);
  if (handles().find(handle) == nullptr || desc == nullptr || !desc->ready || batch < 1)
    return bad("not a handle, or not set");
  if (desc->algo != CUDNN_RNN_ALGO_PERSIST_DYNAMIC) return bad("only PERSIST_DYNAMIC is built");
  if (unsafeCall() != CUDA_SUCCESS) return refuse(CUDNN_STATUS_INTERNAL_ERROR, "cudnnBuildRNNDynamic during a capture");
  desc->built.insert(batch);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t descHandle, size_t* bytes) {
  Guard guard;
  const auto desc = rnnDescriptors().find(descHandle);
  if (handles().find(handle) == nullptr || desc == nullptr || !desc->ready) return bad("not a handle, or not set");
  if (bytes == nullptr) return nullPointer("weightSpaceSize");
  *bytes = WeightLayout(*desc).bytes();
  return CUDNN_STATUS_SUCCESS;
}

namespace {

// Absent parameters have a null address, and a descriptor without dimensions.
cudnnStatus_t answerPlace(const WeightPlace& place, cudnnDataType_t type, const void* weights,
                          cudnnTensorDescriptor_t handle, void** address) {
  if ((handle == nullptr) != (address == nullptr)) return nullPointer("one of a descriptor and an address");
  if (handle == nullptr) {
    return playedVersion() >= 90100 ? CUDNN_STATUS_SUCCESS : nullPointer("a descriptor, which may be so since 9.1,");
  }
  const auto desc = tensorDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no tensor descriptor");
  *desc = {true, type, {}, {}};
  *address = nullptr;
  if (!place.present) return CUDNN_STATUS_SUCCESS;
  desc->sizes = {1, place.rows, place.columns};
  desc->strides = {place.rows * place.columns, place.columns, 1};
  *address = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(weights) + place.offset);
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t descHandle, int32_t pseudoLayer,
                                      size_t weightBytes, const void* weights, int32_t linLayer,
                                      cudnnTensorDescriptor_t matrixDesc, void** matrix,
                                      cudnnTensorDescriptor_t biasDesc, void** bias) {
  Guard guard;
  const auto desc = rnnDescriptors().find(descHandle);
  if (handles().find(handle) == nullptr || desc == nullptr || !desc->ready) return bad("not a handle, or not set");
  if (pseudoLayer < 0 || pseudoLayer >= desc->layers * desc->directions()) return bad("there is no such pseudoLayer");
  if (linLayer < 0 || linLayer >= 2 * desc->gates()) return bad("there is no such linLayerID");
  const WeightLayout layout(*desc);
  if (weightBytes < layout.bytes())
    return refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, "the weight space is too small");
  SIMULATED_TRY(answerPlace(layout.matrix(pseudoLayer, linLayer), desc->type, weights, matrixDesc, matrix));
  return answerPlace(layout.bias(pseudoLayer, linLayer), desc->type, weights, biasDesc, bias);
}

cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t descHandle, cudnnForwardMode_t mode,
                                        cudnnRNNDataDescriptor_t xHandle, size_t* work, size_t* reserve) {
  Guard guard;
  const auto desc = rnnDescriptors().find(descHandle);
  const auto x = dataDescriptors().find(xHandle);
  if (handles().find(handle) == nullptr || desc == nullptr || !desc->ready) return bad("not a handle, or not set");
  if (x == nullptr || !x->ready || mode > CUDNN_FWD_MODE_TRAINING)
    return bad("xDesc was not set, or there is no such mode");
  if (x->type != desc->type || x->width != desc->inputSize) return bad("xDesc is not of this RNN");
  const bool training = mode == CUDNN_FWD_MODE_TRAINING;
  if (work == nullptr || (training && reserve == nullptr)) return nullPointer("a size");
  SIMULATED_TRY(checkAlgorithm(*desc, *x, Stage::sizes));
  *work = simulated::workBytes(*desc, *x);
  if (reserve != nullptr) *reserve = training ? simulated::reserveBytes(*desc, *x) : 0;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t handle, cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int maxSteps, int batch, int vectorSize,
                                        const int* lengths, void* paddingFill) {
  Guard guard;
  const auto desc = dataDescriptors().find(handle);
  if (desc == nullptr) return bad("this is no RNN data descriptor");
  if (lengths == nullptr) return nullPointer("seqLengthArray");
  if (!isFloating(type)) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "sequences have no such type");
  if (layout > CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED) return bad("there is no such layout");
  if (maxSteps < 1 || batch < 1 || vectorSize < 1) return bad("maxSeqLength, batchSize and vectorSize begin at 1");
  DataDescriptor made;
  made.type = type;
  made.layout = layout;
  made.steps = maxSteps;
  made.batch = batch;
  made.width = vectorSize;
  made.fills = paddingFill != nullptr;
  if (made.fills) made.fill = load(numberOf(type), paddingFill, 0);
  SIMULATED_TRY(setData(made, lengths));
  *desc = made;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace cugru::cuda
