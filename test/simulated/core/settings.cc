#include "core/settings.h"

#include <cstdlib>
#include <sstream>

namespace simulated {

std::string setting(const char* name, const char* fallback) {
  const char* value = std::getenv((std::string("CUGRU_SIMULATED_") + name).c_str());
  return value != nullptr ? value : fallback;
}

long numberSetting(const char* name, long fallback) {
  const std::string value = setting(name);
  return value.empty() ? fallback : std::strtol(value.c_str(), nullptr, 10);
}

int computeCapability() {
  const std::vector<std::string> parts = split(setting("CAPABILITY", "9.0"), '.');
  return std::atoi(parts[0].c_str()) * 10 + (parts.size() > 1 ? std::atoi(parts[1].c_str()) : 0);
}

int cudaMajor() { return static_cast<int>(numberSetting("CUDA", 13)); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  if (parts.empty()) parts.emplace_back();
  return parts;
}

}  // namespace simulated
