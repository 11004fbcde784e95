// One exception type for the whole native side: a stable code, and a message that names the axes.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace cugru {

// The codes are the same strings that TypeScript sees in `CugruError.code`.
namespace code {
inline constexpr const char* kShape = "ERR_SHAPE";
inline constexpr const char* kType = "ERR_TYPE";
inline constexpr const char* kValue = "ERR_VALUE";
inline constexpr const char* kRange = "ERR_RANGE";
inline constexpr const char* kGraph = "ERR_GRAPH";
inline constexpr const char* kUnsupported = "ERR_UNSUPPORTED";
inline constexpr const char* kOutOfMemory = "ERR_OUT_OF_MEMORY";
inline constexpr const char* kDisposed = "ERR_DISPOSED";
inline constexpr const char* kBusy = "ERR_BUSY";
inline constexpr const char* kState = "ERR_STATE";
inline constexpr const char* kNotFinite = "ERR_NOT_FINITE";
inline constexpr const char* kDetached = "ERR_DETACHED_BUFFER";
inline constexpr const char* kCudaUnavailable = "ERR_CUDA_UNAVAILABLE";
inline constexpr const char* kInternal = "ERR_INTERNAL";
}  // namespace code

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;
};

// Joins its arguments into one string; only used on error paths.
template <typename... Parts>
std::string text(Parts&&... parts) {
  std::ostringstream out;
  (out << ... << std::forward<Parts>(parts));
  return out.str();
}

template <typename... Parts>
[[noreturn]] void fail(const char* code, Parts&&... parts) {
  throw Error(code, text(std::forward<Parts>(parts)...));
}

}  // namespace cugru
