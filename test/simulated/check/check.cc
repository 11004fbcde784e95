#include "check/check.h"

#include <cstdio>
#include <cstring>

namespace simulated_check {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

std::vector<Command>& commands() {
  static std::vector<Command> all;
  return all;
}

const Command* findCommand(const char* name) {
  for (const Command& one : commands()) {
    if (std::strcmp(one.name, name) == 0) return &one;
  }
  return nullptr;
}

size_t& failures() {
  static size_t count = 0;
  return count;
}

void report(const char* file, int line, const std::string& what) {
  failures()++;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

const Libraries& opened() {
  static const Libraries all = [] {
    Libraries libraries = openLibraries();
    for (const LibraryReport* one :
         {&libraries.driverReport, &libraries.cudnnReport, &libraries.cublasLtReport, &libraries.nvrtcReport}) {
      if (one->usable()) continue;
      report(__FILE__, __LINE__, one->name + ": " + one->problem);
      std::exit(1);
    }
    return libraries;
  }();
  return all;
}

Device::Device(unsigned streamFlags) {
  OK(cu().cuInit(0));
  OK(cu().cuDevicePrimaryCtxRetain(&context, 0));
  OK(cu().cuCtxSetCurrent(context));
  OK(cu().cuStreamCreate(&stream, streamFlags));
}

Device::~Device() {
  cu().cuCtxSynchronize();
  for (const CUdeviceptr one : allocated_) OK(cu().cuMemFree_v2(one));
  OK(cu().cuStreamDestroy_v2(stream));
  cu().cuDevicePrimaryCtxRelease_v2(0);
  std::string text(4096, '\0');
  if (simulated_report(text.data(), text.size()) != 0) report(__FILE__, __LINE__, "at the end: " + text);
}

CUdeviceptr Device::allocate(size_t bytes) {
  CUdeviceptr made = 0;
  OK(cu().cuMemAlloc_v2(&made, bytes));
  OK(cu().cuMemsetD8Async(made, 0, bytes, stream));
  allocated_.push_back(made);
  return made;
}

CUdeviceptr Device::upload(const std::vector<float>& values) {
  const CUdeviceptr made = allocate(values.size() * sizeof(float));
  OK(cu().cuMemcpyHtoDAsync_v2(made, values.data(), values.size() * sizeof(float), stream));
  return made;
}

std::vector<float> Device::download(CUdeviceptr from, size_t count) {
  std::vector<float> values(count);
  OK(cu().cuMemcpyDtoHAsync_v2(values.data(), from, count * sizeof(float), stream));
  return values;
}

void Device::synchronize() { OK(cu().cuStreamSynchronize(stream)); }

size_t takeViolations(std::string* text) {
  std::string room(4096, '\0');
  const size_t count = simulated_violations(room.data(), room.size());
  if (text != nullptr) *text = room.c_str();
  simulated_forget();
  return count;
}

size_t leftovers() { return simulated_report(nullptr, 0) - simulated_violations(nullptr, 0); }

std::vector<float> numbers(size_t count, unsigned seed, float scale) {
  std::vector<float> values(count);
  unsigned state = seed * 2654435761u + 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = (static_cast<float>(state >> 8) / 8388608.0f - 1.0f) * scale;
  }
  return values;
}

}  // namespace simulated_check
