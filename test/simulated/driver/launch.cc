#include <cstring>

#include "core/fault.h"
#include "core/settings.h"
#include "driver/exported.h"
#include "driver/kernels.h"
#include "driver/modules.h"

namespace simulated {

namespace {

struct Launch {
  std::string name;
  unsigned grid[3], block[3], sharedBytes;
  std::vector<std::vector<unsigned char>> parameters;  // by value: the caller's are its own after the call
};

CUresult checkShape(const Function& function, const Launch& launch) {
  const auto [gx, gy, gz] = launch.grid;
  const auto [bx, by, bz] = launch.block;
  if (gx == 0 || gy == 0 || gz == 0 || bx == 0 || by == 0 || bz == 0) return CUDA_ERROR_INVALID_VALUE;
  if (gx > 2147483647u || gy > 65535 || gz > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (bx > 1024 || by > 1024 || bz > 64 || bx * by * bz > 1024) return CUDA_ERROR_INVALID_VALUE;
  return launch.sharedBytes <= static_cast<unsigned>(function.sharedBytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Which memory the arguments point to. Structures are not looked into: what they do not use may be anything.
std::vector<Range> pointedTo(const Launch& launch) {
  std::vector<Range> ranges;
  for (const auto& bytes : launch.parameters) {
    uintptr_t word = 0;
    if (bytes.size() != sizeof(word)) continue;
    std::memcpy(&word, bytes.data(), sizeof(word));
    if (Range range; allocationOf(word, &range)) ranges.push_back(range);
  }
  return ranges;
}

CUresult run(Context& context, const Launch& launch) {
  std::vector<void*> pointers;
  for (const auto& bytes : launch.parameters) pointers.push_back(const_cast<unsigned char*>(bytes.data()));
  int refused = 0;
  const char* const fault = runGuarded(
      [&] { refused = launchKernel(launch.name, launch.grid, launch.block, launch.sharedBytes, pointers.data()); });
  if (fault != nullptr) return fail(context, CUDA_ERROR_ILLEGAL_ADDRESS, join(launch.name, ": ", fault));
  if (refused != 0) return fail(context, CUDA_ERROR_LAUNCH_FAILED, join(launch.name, " failed with ", refused));
  return CUDA_SUCCESS;
}

}  // namespace

CUresult launchFunction(CUfunction handle, Launch launch, CUstream streamHandle, void** parameters, bool cooperative) {
  SIMULATED_ENTER();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (function == nullptr || function->context != context) return CUDA_ERROR_INVALID_HANDLE;
  std::shared_ptr<Stream> stream;
  SIMULATED_TRY(findStream(*context, streamHandle, stream));
  SIMULATED_TRY(checkShape(*function, launch));
  if (cooperative) {
    const auto threads = static_cast<int>(launch.block[0] * launch.block[1] * launch.block[2]);
    const long room = residentBlocks(threads, launch.sharedBytes) * numberSetting("MULTIPROCESSORS", 4);
    if (static_cast<long>(launch.grid[0]) * launch.grid[1] * launch.grid[2] > room) {
      return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    }
  }
  launch.name = function->name;
  const std::vector<size_t> sizes = kernelParameterSizes(function->name);
  if (!sizes.empty() && parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < sizes.size(); i++) {
    if (parameters[i] == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto* const bytes = static_cast<const unsigned char*>(parameters[i]);
    launch.parameters.emplace_back(bytes, bytes + sizes[i]);
  }
  count("launches");
  std::vector<Range> ranges = pointedTo(launch);
  return submit(*stream, {launch.name, std::move(ranges), [launch](Context& where) { return run(where, launch); }});
}

}  // namespace simulated

namespace cugru::cuda {

using namespace simulated;

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters,
                        void** extra) {
  if (extra != nullptr) return CUDA_ERROR_NOT_SUPPORTED;  // the vendor can; nothing here needs it
  const Launch launch{"", {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, {}};
  return launchFunction(function, launch, stream, parameters, false);
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                                   unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream,
                                   void** parameters) {
  const Launch launch{"", {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, {}};
  return launchFunction(function, launch, stream, parameters, true);
}

}  // namespace cugru::cuda
