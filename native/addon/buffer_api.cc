#include <cstring>

#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/async.h"
#include "addon/export.h"
#include "addon/handles.h"

namespace cugru {

namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 46;

void expectInside(const HostBuffer& buffer, int64_t offset, size_t bytes) {
  if (static_cast<size_t>(offset) > buffer.bytes() || bytes > buffer.bytes() - static_cast<size_t>(offset)) {
    fail(code::kRange, bytes, " bytes at ", offset, " are outside of a buffer of ", buffer.bytes());
  }
}

Napi::Value createBuffer(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<size_t>(integer(info[0], "bytes", 1, kMaxBytes));
  return wrap<HostBuffer>(info.Env(), std::make_shared<HostBuffer>(bytes), bytes);
}

// The caller keeps each copy under a megabyte, so that it holds the event loop for a fraction of a millisecond.
Napi::Value bufferWrite(const Napi::CallbackInfo& info) {
  auto buffer = idleBuffer(info[0]);
  if (buffer->sealed) fail(code::kState, "this buffer became a slab and is not written again");
  const int64_t offset = integer(info[1], "offset", 0, kMaxBytes);
  const ArrayView view = anyArray(info[2], "source");
  expectInside(*buffer, offset, view.bytes);
  if (view.bytes > 0) std::memcpy(buffer->data() + offset, view.data, view.bytes);
  return info.Env().Undefined();
}

Napi::Value bufferRead(const Napi::CallbackInfo& info) {
  auto buffer = idleBuffer(info[0]);
  const int64_t offset = integer(info[1], "offset", 0, kMaxBytes);
  const ArrayView view = anyArray(info[2], "target");
  expectInside(*buffer, offset, view.bytes);
  if (view.bytes > 0) std::memcpy(view.data, buffer->data() + offset, view.bytes);
  return info.Env().Undefined();
}

Napi::Value createSlab(const Napi::CallbackInfo& info) {
  auto session = unwrap<Session>(info[0]);
  auto buffer = idleBuffer(info[1]);
  const DType type = dtype(info[2], "dtype");
  buffer->sealed = true;
  return promised<std::shared_ptr<Slab>>(
      info.Env(), *session,
      [session, buffer, type](Stream& stream) {
        return std::make_shared<Slab>(session->backend(), stream, buffer, type);
      },
      [session](Napi::Env env, std::shared_ptr<Slab>& slab) {
        const size_t bytes = slab->hostBytes();
        return wrap<SlabHandle>(env, std::make_shared<SlabHandle>(SlabHandle{session, slab}), bytes);
      });
}

}  // namespace

std::shared_ptr<HostBuffer> idleBuffer(const Napi::Value& value) {
  auto buffer = unwrap<HostBuffer>(value);
  if (buffer->busy()) fail(code::kBusy, "this buffer is in use by a running call");
  return buffer;
}

void exportBuffers(Napi::Env env, Napi::Object exports) {
  exportFunction<createBuffer>(env, exports, "createBuffer");
  exportFunction<bufferWrite>(env, exports, "bufferWrite");
  exportFunction<bufferRead>(env, exports, "bufferRead");
  exportFunction<createSlab>(env, exports, "createSlab");
}

}  // namespace cugru
