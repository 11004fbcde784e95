#include "cudnn/status.h"

#include <dlfcn.h>

#include "core/settings.h"

namespace simulated {

namespace {

thread_local std::string words;

struct Row {
  unsigned nine, eight;
  const char* name;
};

// Those of 9 that 8 lacks fall into their category's.
constexpr Row kRows[] = {
    {0, 0, "CUDNN_STATUS_SUCCESS"},
    {1001, 1, "CUDNN_STATUS_NOT_INITIALIZED"},
    {1002, 14, "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"},
    {2000, 3, "CUDNN_STATUS_BAD_PARAM"},
    {2002, 3, "CUDNN_STATUS_BAD_PARAM_NULL_POINTER"},
    {2003, 3, "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER"},
    {2005, 3, "CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND"},
    {2006, 3, "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT"},
    {2007, 3, "CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH"},
    {2008, 3, "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH"},
    {3000, 9, "CUDNN_STATUS_NOT_SUPPORTED"},
    {4000, 4, "CUDNN_STATUS_INTERNAL_ERROR"},
    {5000, 8, "CUDNN_STATUS_EXECUTION_FAILED"},
};

bool plays9() { return playedVersion() >= 90000; }

}  // namespace

size_t playedVersion() {
  static const long byName = [] {
    Dl_info here;
    const bool known = dladdr(reinterpret_cast<void*>(&playedVersion), &here) != 0;
    return known && std::string(here.dli_fname).find("libcudnn.so.8") != std::string::npos ? 8907L : 91900L;
  }();
  return static_cast<size_t>(numberSetting("CUDNN", byName));
}

cudnnStatus_t refuse(cudnnStatus_t status, const std::string& why) {
  words = why;
  if (plays9()) return status;
  for (const Row& row : kRows) {
    if (row.nine == status) return static_cast<cudnnStatus_t>(row.eight);
  }
  return static_cast<cudnnStatus_t>(4);
}

const std::string& lastRefusal() { return words; }

const char* nameOf(cudnnStatus_t status) {
  for (const Row& row : kRows) {
    if ((plays9() ? row.nine : row.eight) == status) return row.name;
  }
  return "CUDNN_UNKNOWN_STATUS";
}

}  // namespace simulated
