#include "cuda/stream.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "cuda/graph.h"

namespace cugru::cuda {

Event::Event(std::shared_ptr<Device> device, Time time) : device_(std::move(device)) {
  const unsigned flags = time == Time::taken ? CU_EVENT_DEFAULT : CU_EVENT_DISABLE_TIMING;
  device_->check(device_->cuda().cuEventCreate(&event_, flags), "make an event");
}

Event::~Event() {
  device_->bind();
  device_->cuda().cuEventDestroy_v2(event_);
}

void Event::record(CUstream stream) {
  device_->check(device_->cuda().cuEventRecord(event_, stream), "record an event");
}
void Event::wait() { device_->check(device_->cuda().cuEventSynchronize(event_), "finish its work"); }
void Event::holdBack(CUstream stream) {
  device_->check(device_->cuda().cuStreamWaitEvent(stream, event_, 0), "order two streams");
}

float Event::millisecondsSince(const Event& earlier) const {
  float milliseconds = 0;
  device_->check(device_->cuda().cuEventElapsedTime(&milliseconds, earlier.event_, event_), "take the time");
  return milliseconds;
}

void CudaSpanClock::begin() {
  stream_.device().enter();
  while (events_.size() < 2 * spans_ + 2) {
    events_.push_back(std::make_unique<Event>(stream_.sharedDevice(), Event::Time::taken));
  }
  events_[2 * spans_]->record(stream_.handle());
}

void CudaSpanClock::end() { events_[2 * spans_++ + 1]->record(stream_.handle()); }

double CudaSpanClock::seconds() {
  stream_.device().enter();
  double milliseconds = 0;
  for (size_t i = 0; i < spans_; ++i) milliseconds += events_[2 * i + 1]->millisecondsSince(*events_[2 * i]);
  return milliseconds / 1000;
}

CudaStream::CudaStream(std::shared_ptr<Device> device) : device_(std::move(device)) {
  device_->enter();
  const CudaApi& api = device_->cuda();
  device_->check(api.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "make a stream");
  try {
    device_->check(api.cuStreamCreate(&copies_, CU_STREAM_NON_BLOCKING), "make a stream");
    ring_ = std::make_unique<PinnedMemory>(device_, kSegments * kSegmentBytes);
    for (auto& done : segmentDone_) done = std::make_unique<Event>(device_);
    ordered_ = std::make_unique<Event>(device_);
  } catch (...) {
    api.cuStreamDestroy_v2(stream_);
    if (copies_ != nullptr) api.cuStreamDestroy_v2(copies_);
    throw;
  }
}

// Statuses are of no use here: of a GPU that was lost, all of them are errors.
CudaStream::~CudaStream() {
  const CudaApi& api = device_->cuda();
  device_->bind();
  api.cuStreamSynchronize(copies_);  // nothing may read the pinned memory any more
  api.cuStreamSynchronize(stream_);
  api.cuStreamDestroy_v2(copies_);
  api.cuStreamDestroy_v2(stream_);
  device_->releaseFreed();
}

Recorded CudaStream::record(const std::function<void()>& work) {
  device_->enter();
  struct Flag {
    explicit Flag(bool& flag) : flag(flag) { flag = true; }
    ~Flag() { flag = false; }
    bool& flag;
  } const flag(recording_);
  return recordGraph(*this, work);
}

SpanClock* CudaStream::spanClock() {
  clock_.clear();
  return &clock_;
}

// A graph would keep the address of pinned memory, in which something else lies when it is replayed; and nothing can be waited for.
void CudaStream::expectNotRecording(const char* what) const {
  if (recording_) fail(code::kInternal, "a step that is recorded cannot ", what);
}

void CudaStream::synchronize() {
  expectNotRecording("wait");
  device_->enter();
  device_->check(device_->cuda().cuStreamSynchronize(stream_), "finish its work");
  device_->releaseFreed();
}

void CudaStream::upload(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  expectNotRecording("upload");
  if (bytes <= kSegmentBytes) {
    uploadSmall(to, from, bytes);
  } else {
    uploadLarge(to, from, bytes);
  }
}

void CudaStream::uploadSmall(void* to, const void* from, size_t bytes) {
  if (used_ + bytes > kSegmentBytes) {
    segmentDone_[segment_]->record(stream_);
    segment_ = (segment_ + 1) % kSegments;
    used_ = 0;
    segmentDone_[segment_]->wait();  // one that was never recorded is done
  }
  char* pinned = ring_->data() + segment_ * kSegmentBytes + used_;
  std::memcpy(pinned, from, bytes);
  used_ += (bytes + 63) / 64 * 64;
  device_->check(device_->cuda().cuMemcpyHtoDAsync_v2(address(to), pinned, bytes, stream_), "copy to the device");
}

void CudaStream::ensureStaging() {
  if (staging_[1].done != nullptr) return;
  for (Staging& one : staging_) {
    one.memory = std::make_unique<PinnedMemory>(device_, kStagingBytes);
    one.done = std::make_unique<Event>(device_);
  }
}

// The host fills one buffer while the device reads the other.
void CudaStream::uploadLarge(void* to, const void* from, size_t bytes) {
  ensureStaging();
  ordered_->record(stream_);  // what the stream still does with the target comes first
  ordered_->holdBack(copies_);
  for (size_t at = 0, turn = 0; at < bytes; at += kStagingBytes, ++turn) {
    Staging& one = staging_[turn % 2];
    const size_t part = std::min(kStagingBytes, bytes - at);
    one.done->wait();
    std::memcpy(one.memory->data(), static_cast<const char*>(from) + at, part);
    device_->check(device_->cuda().cuMemcpyHtoDAsync_v2(address(to) + at, one.memory->data(), part, copies_),
                   "copy to the device");
    one.done->record(copies_);
  }
  ordered_->record(copies_);
  ordered_->holdBack(stream_);
}

void CudaStream::download(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  expectNotRecording("download");
  ensureStaging();
  const auto begin = [&](size_t at, size_t turn) {
    Staging& one = staging_[turn % 2];
    one.done->wait();
    device_->check(device_->cuda().cuMemcpyDtoHAsync_v2(one.memory->data(), address(from) + at,
                                                        std::min(kStagingBytes, bytes - at), stream_),
                   "copy from the device");
    one.done->record(stream_);
  };
  begin(0, 0);
  for (size_t at = 0, turn = 0; at < bytes; at += kStagingBytes, ++turn) {
    if (at + kStagingBytes < bytes) begin(at + kStagingBytes, turn + 1);
    staging_[turn % 2].done->wait();
    std::memcpy(static_cast<char*>(to) + at, staging_[turn % 2].memory->data(), std::min(kStagingBytes, bytes - at));
  }
}

void CudaStream::copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0 || to == from) return;
  device_->check(device_->cuda().cuMemcpyDtoDAsync_v2(address(to), address(from), bytes, stream_), "copy its memory");
}

void CudaStream::zero(void* to, size_t bytes) {
  if (bytes == 0) return;
  device_->check(device_->cuda().cuMemsetD8Async(address(to), 0, bytes, stream_), "zero its memory");
}

}  // namespace cugru::cuda
