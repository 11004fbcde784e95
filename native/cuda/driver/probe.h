// Whether a GPU can be used, found out by using it a little. A broken driver can hang or end the process, so JavaScript asks in a
// child process (lib/cuda/probe.ts).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/driver/libraries.h"

namespace cugru::cuda {

struct Problem {
  std::string what, advice;
};

struct DeviceReport {
  int ordinal = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  uint64_t totalBytes = 0;
  uint64_t availableBytes = 0;  // of the probed device only
};

struct ProbeReport {
  Libraries libraries;
  std::vector<DeviceReport> devices;
  int probed = -1;                // the device on which a small RNN was described; -1: none
  size_t weightBytes = 0;         // of that RNN; not 0 when cuDNN's recurrent part works
  std::vector<Problem> problems;  // empty: it can be used

  bool usable() const { return problems.empty(); }
};

// Opens the libraries, starts the driver, lists the devices, and describes a small GRU to cuDNN on device `ordinal`. Every
// failure is a problem in the report.
ProbeReport probe(const SearchOptions& options, int ordinal);

}  // namespace cugru::cuda
