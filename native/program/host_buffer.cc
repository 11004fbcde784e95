#include "program/host_buffer.h"

#include <algorithm>

#include "core/error.h"

namespace cugru {

Slab::Slab(Backend& backend, Stream& stream, std::shared_ptr<HostBuffer> source, DType dtype)
    : source_(std::move(source)), bytes_(source_->bytes()), dtype_(dtype) {
  if (bytes_ == 0 || bytes_ % dtypeBytes(dtype) != 0) {
    fail(code::kShape, "a slab of ", dtypeName(dtype), " cannot have ", bytes_, " bytes");
  }
  source_->sealed = true;
  if (dtype == DType::i32) {
    const int32_t* values = reinterpret_cast<const int32_t*>(source_->data());
    const auto range = std::minmax_element(values, values + bytes_ / sizeof(int32_t));
    smallest_ = *range.first;
    largest_ = *range.second;
  }
  if (backend.usesHostMemory()) return;
  device_ = backend.allocate(bytes_);
  backend.upload(device_->data(), source_->data(), bytes_, stream);
  stream.synchronize();
  source_.reset();
}

}  // namespace cugru
