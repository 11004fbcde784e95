// Statuses, in the numbers of the version that is played.
#pragma once

#include <string>

#include "cuda/driver/cudnn_api.h"

namespace simulated {

using namespace cugru::cuda;

inline constexpr auto kMisaligned = static_cast<cudnnStatus_t>(2003);      // CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER
inline constexpr auto kStreamMismatch = static_cast<cudnnStatus_t>(2007);  // CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH

// CUGRU_SIMULATED_CUDNN, as cudnnGetVersion writes it; else that of the name that the library was opened by.
size_t playedVersion();

// Remembers the words, and gives the status, which is one of cuDNN 9's, as the played version has it.
cudnnStatus_t refuse(cudnnStatus_t status, const std::string& words);
const std::string& lastRefusal();
const char* nameOf(cudnnStatus_t status);

}  // namespace simulated
