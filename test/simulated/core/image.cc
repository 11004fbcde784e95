#include "core/image.h"

#include <cstring>
#include <sstream>

namespace simulated {

namespace {

constexpr const char* kMagic = "//SIMULATED-IMAGE ";

}  // namespace

std::string writeImage(const Image& image) {
  std::ostringstream out;
  out << kMagic << (image.binary ? "cubin " : "ptx ") << image.architecture << " "
      << std::hash<std::string>()(image.source) << " " << image.name << "\n"
      << image.source;
  return out.str();
}

bool readImage(const void* data, Image& image) {
  const auto* const characters = static_cast<const char*>(data);
  if (std::strncmp(characters, kMagic, std::strlen(kMagic)) != 0) return false;
  const std::string all(characters + std::strlen(kMagic));
  const size_t line = all.find('\n');
  if (line == std::string::npos) return false;
  std::istringstream header(all.substr(0, line));
  std::string kind;
  size_t hash = 0;
  header >> kind >> image.architecture >> hash >> image.name;
  image.binary = kind == "cubin";
  image.source = all.substr(line + 1);
  return !header.fail() && hash == std::hash<std::string>()(image.source);
}

}  // namespace simulated
