// What the simulated NVRTC makes and the simulated driver loads: a header of text, then the source, ended by a zero byte.
#pragma once

#include <string>

namespace simulated {

struct Image {
  bool binary = false;   // cubin: for one architecture; else PTX: for it and newer ones
  int architecture = 0;  // 90
  std::string name, source;
};

std::string writeImage(const Image& image);
bool readImage(const void* data, Image& image);

}  // namespace simulated
