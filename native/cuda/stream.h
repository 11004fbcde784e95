// A session's stream, and the ways between host and device. What an upload was given may be changed when it returns; the copy to the
// device is in the stream's order, and nobody waits for it.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/memory.h"

namespace cugru::cuda {

class Event {
 public:
  enum class Time : uint8_t { none, taken };
  explicit Event(std::shared_ptr<Device> device, Time time = Time::none);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(CUstream stream);
  void wait();  // the host waits
  void holdBack(CUstream stream);
  float millisecondsSince(const Event& earlier) const;  // both took the time, and are over

 private:
  std::shared_ptr<Device> device_;
  CUevent event_ = nullptr;
};

class CudaStream;

// Two events for each span, which are kept for the next run's.
class CudaSpanClock final : public SpanClock {
 public:
  explicit CudaSpanClock(CudaStream& stream) : stream_(stream) {}
  void clear() { spans_ = 0; }
  void begin() override;
  void end() override;
  double seconds() override;

 private:
  CudaStream& stream_;
  std::vector<std::unique_ptr<Event>> events_;  // begin and end, in turn
  size_t spans_ = 0;
};

class CudaStream final : public Stream {
 public:
  explicit CudaStream(std::shared_ptr<Device> device);
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void synchronize() override;
  Recorded record(const std::function<void()>& work) override;
  SpanClock* spanClock() override;
  CUstream handle() const { return stream_; }
  Device& device() const { return *device_; }
  const std::shared_ptr<Device>& sharedDevice() const { return device_; }

  void upload(void* to, const void* from, size_t bytes);
  void download(void* to, const void* from, size_t bytes);  // done when it returns
  void copy(void* to, const void* from, size_t bytes);
  void zero(void* to, size_t bytes);

 private:
  static constexpr size_t kSegmentBytes = 64 * 1024, kSegments = 8;
  static constexpr size_t kStagingBytes = 4 * 1024 * 1024;

  // Two pinned buffers in turn, and when the device is done with each.
  struct Staging {
    std::unique_ptr<PinnedMemory> memory;
    std::unique_ptr<Event> done;
  };

  void uploadSmall(void* to, const void* from, size_t bytes);
  void uploadLarge(void* to, const void* from, size_t bytes);
  void ensureStaging();
  void expectNotRecording(const char* what) const;

  std::shared_ptr<Device> device_;
  CUstream stream_ = nullptr, copies_ = nullptr;  // large uploads go through `copies_`
  // A ring of pinned segments: small uploads fill one after the other, and a segment is taken again when its copies are done.
  std::unique_ptr<PinnedMemory> ring_;
  std::array<std::unique_ptr<Event>, kSegments> segmentDone_;
  size_t segment_ = 0, used_ = 0;
  std::array<Staging, 2> staging_;
  std::unique_ptr<Event> ordered_;
  CudaSpanClock clock_{*this};
  bool recording_ = false;
};

// The stream behind a Stream of this backend, with its context current.
inline CudaStream& cuda(Stream& stream) {
  auto& out = static_cast<CudaStream&>(stream);
  out.device().enter();
  return out;
}

}  // namespace cugru::cuda
