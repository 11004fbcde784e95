// "Compiling": checks of options and text, and an image that carries the source.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cuda/driver/nvrtc_api.h"

namespace simulated {

struct Program {
  std::string source, name, log;
  std::map<std::string, std::string> headers;
  std::vector<std::string> expressions;
  std::string cubin, ptx;
  bool compiled = false;
};

const std::vector<int>& architectures();
cugru::cuda::nvrtcResult compile(Program& program, const std::vector<std::string>& options);

}  // namespace simulated
