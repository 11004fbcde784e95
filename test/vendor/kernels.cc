// Compiles every kernel with the real NVRTC, as the backend does it, for every architecture that it is meant for. A line for each:
// "ok gather.cu sm_90 33632 bytes".
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "cuda/kernel_sources.h"
#include "cuda/modules.h"

using namespace cugru::cuda;

int main() {
  const Libraries libraries = openLibraries();
  if (!libraries.nvrtcReport.usable()) {
    std::printf("failed: %s\n", libraries.nvrtcReport.problem.c_str());
    return 1;
  }
  int failures = 0;
  for (int capability : {75, 80, 86, 89, 90, 100, 120}) {
    for (const KernelSource& source : kernelSources()) {
      if (std::strstr(source.name, ".cuh") != nullptr) continue;
      try {
        const Target target = targetFor(libraries, capability);
        const std::vector<char> code = compileKernels(libraries, source.name, target);
        const bool elf = code.size() > 4 && std::memcmp(code.data(),
                                                        "\x7f"
                                                        "ELF",
                                                        4) == 0;
        std::printf("%s %s %s %zu bytes\n", elf ? "ok" : "failed", source.name, target.architecture.c_str(),
                    code.size());
        failures += elf ? 0 : 1;
      } catch (const cugru::Error& error) {
        std::printf("failed %s %d: %s\n", source.name, capability, error.what());
        ++failures;
      }
    }
  }
  return failures == 0 ? 0 : 1;
}
