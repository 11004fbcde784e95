// What is used of NVRTC, the run-time compiler (libnvrtc.so.12, .13): own declarations, with the vendor's names and values.
#pragma once

#include <cstddef>
#include <vector>

#include "cuda/driver/symbols.h"

namespace cugru::cuda {

using nvrtcProgram = struct _nvrtcProgram*;

enum nvrtcResult : unsigned {
  NVRTC_SUCCESS = 0,
  NVRTC_ERROR_OUT_OF_MEMORY = 1,
  NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
  NVRTC_ERROR_INVALID_INPUT = 3,
  NVRTC_ERROR_INVALID_PROGRAM = 4,
  NVRTC_ERROR_INVALID_OPTION = 5,
  NVRTC_ERROR_COMPILATION = 6,
  NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
  NVRTC_ERROR_INTERNAL_ERROR = 11,
};

#define CUGRU_NVRTC_SYMBOLS(REQUIRED, OPTIONAL)                                                                        \
  REQUIRED(nvrtcResult, nvrtcVersion, (int* major, int* minor))                                                        \
  REQUIRED(const char*, nvrtcGetErrorString, (nvrtcResult result))                                                     \
  REQUIRED(nvrtcResult, nvrtcCreateProgram,                                                                            \
           (nvrtcProgram * program, const char* source, const char* name, int headerCount, const char* const* headers, \
            const char* const* includeNames))                                                                          \
  REQUIRED(nvrtcResult, nvrtcDestroyProgram, (nvrtcProgram * program))                                                 \
  REQUIRED(nvrtcResult, nvrtcCompileProgram, (nvrtcProgram program, int optionCount, const char* const* options))      \
  REQUIRED(nvrtcResult, nvrtcGetProgramLogSize, (nvrtcProgram program, size_t * bytes))                                \
  REQUIRED(nvrtcResult, nvrtcGetProgramLog, (nvrtcProgram program, char* log))                                         \
  REQUIRED(nvrtcResult, nvrtcGetCUBINSize, (nvrtcProgram program, size_t * bytes))                                     \
  REQUIRED(nvrtcResult, nvrtcGetCUBIN, (nvrtcProgram program, char* cubin))                                            \
  REQUIRED(nvrtcResult, nvrtcGetPTXSize, (nvrtcProgram program, size_t * bytes))                                       \
  REQUIRED(nvrtcResult, nvrtcGetPTX, (nvrtcProgram program, char* ptx))                                                \
  REQUIRED(nvrtcResult, nvrtcGetNumSupportedArchs, (int* count))                                                       \
  REQUIRED(nvrtcResult, nvrtcGetSupportedArchs, (int* architectures))                                                  \
  OPTIONAL(nvrtcResult, nvrtcAddNameExpression, (nvrtcProgram program, const char* expression))                        \
  OPTIONAL(nvrtcResult, nvrtcGetLoweredName, (nvrtcProgram program, const char* expression, const char** name))

struct NvrtcApi {
  CUGRU_NVRTC_SYMBOLS(CUGRU_SYMBOL_POINTER, CUGRU_SYMBOL_POINTER)
};

inline std::vector<SymbolSlot> symbolsOf(NvrtcApi& api) {
  return {CUGRU_NVRTC_SYMBOLS(CUGRU_SYMBOL_REQUIRED, CUGRU_SYMBOL_OPTIONAL)};
}

}  // namespace cugru::cuda
