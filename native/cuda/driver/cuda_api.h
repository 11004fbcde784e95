// What is used of the CUDA driver API (libcuda.so.1): own declarations, with the vendor's names and values. Names are those of
// the exported symbols, so `_v2` is part of them. CUDA 12 and 13 have all of them with these prototypes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/driver/symbols.h"

namespace cugru::cuda {

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;  // the runtime API's cudaStream_t is the same pointer
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphNode = struct CUgraphNode_st*;
using CUgraphExec = struct CUgraphExec_st*;

// Those that are told apart; cuGetErrorName knows all of them.
enum CUresult : unsigned {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_DEINITIALIZED = 4,
  CUDA_ERROR_STUB_LIBRARY = 34,
  CUDA_ERROR_DEVICE_UNAVAILABLE = 46,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700,
  CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE = 720,
  CUDA_ERROR_NOT_PERMITTED = 800,
  CUDA_ERROR_NOT_SUPPORTED = 801,
  CUDA_ERROR_SYSTEM_NOT_READY = 802,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
  CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE = 804,
  CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
  CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
  CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,
  CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,
  CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,
  CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
  CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,
  CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910,
  CUDA_ERROR_UNKNOWN = 999,
};

enum CUdevice_attribute : unsigned {
  CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK = 8,
  CU_DEVICE_ATTRIBUTE_WARP_SIZE = 10,
  CU_DEVICE_ATTRIBUTE_CLOCK_RATE = 13,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_MODE = 20,
  CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE = 36,
  CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH = 37,
  CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE = 38,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR = 81,
  CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR = 82,
  CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH = 95,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
  CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED = 115,
};

enum CUstream_flags : unsigned { CU_STREAM_DEFAULT = 0, CU_STREAM_NON_BLOCKING = 1 };
enum CUevent_flags : unsigned { CU_EVENT_DEFAULT = 0, CU_EVENT_BLOCKING_SYNC = 1, CU_EVENT_DISABLE_TIMING = 2 };
enum CUctx_flags : unsigned { CU_CTX_SCHED_AUTO = 0, CU_CTX_SCHED_SPIN = 1, CU_CTX_SCHED_BLOCKING_SYNC = 4 };
enum CUstreamCaptureMode : unsigned {
  CU_STREAM_CAPTURE_MODE_GLOBAL = 0,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
};
enum CUstreamCaptureStatus : unsigned {
  CU_STREAM_CAPTURE_STATUS_NONE = 0,
  CU_STREAM_CAPTURE_STATUS_ACTIVE = 1,
  CU_STREAM_CAPTURE_STATUS_INVALIDATED = 2,
};
enum CUfunction_attribute : unsigned {
  CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 0,
  CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1,
  CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES = 3,
  CU_FUNC_ATTRIBUTE_NUM_REGS = 4,
  CU_FUNC_ATTRIBUTE_BINARY_VERSION = 6,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT = 9,
};
enum CUjit_option : unsigned {
  CU_JIT_INFO_LOG_BUFFER = 3,
  CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_JIT_OPTIMIZATION_LEVEL = 7,
};
enum CUgraphExecUpdateResult : unsigned {
  CU_GRAPH_EXEC_UPDATE_SUCCESS = 0,
  CU_GRAPH_EXEC_UPDATE_ERROR = 1,
  CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED = 2,
};

struct CUgraphExecUpdateResultInfo {
  CUgraphExecUpdateResult result;
  CUgraphNode errorNode;
  CUgraphNode errorFromNode;
};

// The vendor has these as macros, so they have names of our own.
inline constexpr unsigned kMemHostAllocPortable = 1;     // CU_MEMHOSTALLOC_PORTABLE
inline constexpr unsigned kMemHostRegisterPortable = 1;  // CU_MEMHOSTREGISTER_PORTABLE

#define CUGRU_CUDA_SYMBOLS(REQUIRED, OPTIONAL)                                                                     \
  REQUIRED(CUresult, cuInit, (unsigned flags))                                                                     \
  REQUIRED(CUresult, cuDriverGetVersion, (int* version))                                                           \
  REQUIRED(CUresult, cuGetErrorName, (CUresult error, const char** name))                                          \
  REQUIRED(CUresult, cuGetErrorString, (CUresult error, const char** text))                                        \
  REQUIRED(CUresult, cuDeviceGetCount, (int* count))                                                               \
  REQUIRED(CUresult, cuDeviceGet, (CUdevice * device, int ordinal))                                                \
  REQUIRED(CUresult, cuDeviceGetName, (char* name, int length, CUdevice device))                                   \
  REQUIRED(CUresult, cuDeviceGetAttribute, (int* value, CUdevice_attribute attribute, CUdevice device))            \
  REQUIRED(CUresult, cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))                                       \
  OPTIONAL(CUresult, cuDeviceGetPCIBusId, (char* id, int length, CUdevice device))                                 \
  REQUIRED(CUresult, cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                             \
  REQUIRED(CUresult, cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                              \
  OPTIONAL(CUresult, cuDevicePrimaryCtxSetFlags_v2, (CUdevice device, unsigned flags))                             \
  REQUIRED(CUresult, cuCtxSetCurrent, (CUcontext context))                                                         \
  REQUIRED(CUresult, cuCtxGetCurrent, (CUcontext * context))                                                       \
  REQUIRED(CUresult, cuCtxSynchronize, (void))                                                                     \
  REQUIRED(CUresult, cuMemGetInfo_v2, (size_t * available, size_t * total))                                        \
  REQUIRED(CUresult, cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes))                                         \
  REQUIRED(CUresult, cuMemFree_v2, (CUdeviceptr pointer))                                                          \
  REQUIRED(CUresult, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                               \
  REQUIRED(CUresult, cuMemFreeHost, (void* pointer))                                                               \
  OPTIONAL(CUresult, cuMemHostRegister_v2, (void* pointer, size_t bytes, unsigned flags))                          \
  OPTIONAL(CUresult, cuMemHostUnregister, (void* pointer))                                                         \
  REQUIRED(CUresult, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))      \
  REQUIRED(CUresult, cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream))            \
  REQUIRED(CUresult, cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))      \
  REQUIRED(CUresult, cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t count, CUstream stream))        \
  REQUIRED(CUresult, cuMemsetD32Async, (CUdeviceptr to, unsigned value, size_t count, CUstream stream))            \
  REQUIRED(CUresult, cuStreamCreate, (CUstream * stream, unsigned flags))                                          \
  REQUIRED(CUresult, cuStreamDestroy_v2, (CUstream stream))                                                        \
  REQUIRED(CUresult, cuStreamSynchronize, (CUstream stream))                                                       \
  REQUIRED(CUresult, cuStreamQuery, (CUstream stream))                                                             \
  REQUIRED(CUresult, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                          \
  REQUIRED(CUresult, cuEventCreate, (CUevent * event, unsigned flags))                                             \
  REQUIRED(CUresult, cuEventDestroy_v2, (CUevent event))                                                           \
  REQUIRED(CUresult, cuEventRecord, (CUevent event, CUstream stream))                                              \
  REQUIRED(CUresult, cuEventQuery, (CUevent event))                                                                \
  REQUIRED(CUresult, cuEventSynchronize, (CUevent event))                                                          \
  REQUIRED(CUresult, cuEventElapsedTime, (float* milliseconds, CUevent begin, CUevent end))                        \
  REQUIRED(CUresult, cuModuleLoadData, (CUmodule * module, const void* image))                                     \
  REQUIRED(CUresult, cuModuleLoadDataEx,                                                                           \
           (CUmodule * module, const void* image, unsigned count, CUjit_option* options, void** values))           \
  REQUIRED(CUresult, cuModuleUnload, (CUmodule module))                                                            \
  REQUIRED(CUresult, cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name))              \
  REQUIRED(CUresult, cuFuncGetAttribute, (int* value, CUfunction_attribute attribute, CUfunction function))        \
  REQUIRED(CUresult, cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value))         \
  REQUIRED(CUresult, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                                  \
           (int* blocks, CUfunction function, int blockSize, size_t dynamicSharedBytes))                           \
  REQUIRED(CUresult, cuLaunchKernel,                                                                               \
           (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, \
            unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters, void** extra))              \
  OPTIONAL(CUresult, cuLaunchCooperativeKernel,                                                                    \
           (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, \
            unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters))                            \
  REQUIRED(CUresult, cuStreamBeginCapture_v2, (CUstream stream, CUstreamCaptureMode mode))                         \
  REQUIRED(CUresult, cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                       \
  REQUIRED(CUresult, cuStreamIsCapturing, (CUstream stream, CUstreamCaptureStatus * status))                       \
  OPTIONAL(CUresult, cuThreadExchangeStreamCaptureMode, (CUstreamCaptureMode * mode))                              \
  REQUIRED(CUresult, cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))   \
  OPTIONAL(CUresult, cuGraphExecUpdate_v2, (CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo * info))  \
  OPTIONAL(CUresult, cuGraphUpload, (CUgraphExec exec, CUstream stream))                                           \
  REQUIRED(CUresult, cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                           \
  OPTIONAL(CUresult, cuGraphGetNodes, (CUgraph graph, CUgraphNode * nodes, size_t * count))                        \
  REQUIRED(CUresult, cuGraphExecDestroy, (CUgraphExec exec))                                                       \
  REQUIRED(CUresult, cuGraphDestroy, (CUgraph graph))

struct CudaApi {
  CUGRU_CUDA_SYMBOLS(CUGRU_SYMBOL_POINTER, CUGRU_SYMBOL_POINTER)
};

inline std::vector<SymbolSlot> symbolsOf(CudaApi& api) {
  return {CUGRU_CUDA_SYMBOLS(CUGRU_SYMBOL_REQUIRED, CUGRU_SYMBOL_OPTIONAL)};
}

}  // namespace cugru::cuda
