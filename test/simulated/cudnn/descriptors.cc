#include "cudnn/descriptors.h"

#include <algorithm>

#include "core/problems.h"

namespace simulated {

namespace {

template <typename T>
Registry<T>& registry(Inventory inventory) {
  static auto* const all = [&] {
    addInventory(inventory);
    return new Registry<T>;
  }();
  return *all;
}

template <typename T>
std::vector<std::string> listed(Registry<T>& (*items)(), const char* name) {
  return std::vector<std::string>(items().all().size(), name);
}

}  // namespace

Registry<Handle>& handles() {
  return registry<Handle>([] { return listed(handles, "a cuDNN handle"); });
}
Registry<TensorDescriptor>& tensorDescriptors() {
  return registry<TensorDescriptor>([] { return listed(tensorDescriptors, "a cuDNN tensor descriptor"); });
}
Registry<DropoutDescriptor>& dropoutDescriptors() {
  return registry<DropoutDescriptor>([] { return listed(dropoutDescriptors, "a cuDNN dropout descriptor"); });
}
Registry<RnnDescriptor>& rnnDescriptors() {
  return registry<RnnDescriptor>([] { return listed(rnnDescriptors, "a cuDNN RNN descriptor"); });
}
Registry<DataDescriptor>& dataDescriptors() {
  return registry<DataDescriptor>([] { return listed(dataDescriptors, "a cuDNN RNN data descriptor"); });
}
Registry<FilterDescriptor>& filterDescriptors() {
  return registry<FilterDescriptor>([] { return listed(filterDescriptors, "a cuDNN filter descriptor"); });
}
Registry<ConvolutionDescriptor>& convolutionDescriptors() {
  return registry<ConvolutionDescriptor>(
      [] { return listed(convolutionDescriptors, "a cuDNN convolution descriptor"); });
}

bool isFloating(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_DOUBLE || type == CUDNN_DATA_HALF ||
         type == CUDNN_DATA_BFLOAT16;
}

Number numberOf(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_DOUBLE: return Number::float64;
    case CUDNN_DATA_HALF: return Number::float16;
    case CUDNN_DATA_BFLOAT16: return Number::bfloat16;
    default: return Number::float32;
  }
}

bool DataDescriptor::ragged() const {
  return std::any_of(lengths.begin(), lengths.end(), [&](int length) { return length != steps; });
}

size_t DataDescriptor::rows() const {
  if (layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) return rowsBefore_.back();
  return static_cast<size_t>(steps) * batch;
}

size_t DataDescriptor::rowOf(int step, int sequence) const {
  if (layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) return rowsBefore_[step] + sequence;
  if (layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED) return static_cast<size_t>(sequence) * steps + step;
  return static_cast<size_t>(step) * batch + sequence;
}

cudnnStatus_t setData(DataDescriptor& desc, const int* lengths) {
  desc.lengths.assign(lengths, lengths + desc.batch);
  for (const int length : desc.lengths) {
    if (length > desc.steps) return refuse(CUDNN_STATUS_BAD_PARAM, "a sequence is longer than maxSeqLength");
    if (length < 1) return refuse(CUDNN_STATUS_BAD_PARAM, "a sequence has length 0");
  }
  if (desc.layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) {
    if (!std::is_sorted(desc.lengths.begin(), desc.lengths.end(), std::greater<>())) {
      return refuse(CUDNN_STATUS_BAD_PARAM, "packed sequences must be sorted by length, the longest first");
    }
    desc.rowsBefore_.assign(1, 0);
    for (int step = 0; step < desc.steps; step++) {
      const auto going = std::count_if(desc.lengths.begin(), desc.lengths.end(), [&](int n) { return n > step; });
      desc.rowsBefore_.push_back(desc.rowsBefore_.back() + static_cast<size_t>(going));
    }
  }
  desc.ready = true;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace simulated
