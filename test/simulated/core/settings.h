// Settings from the environment, all named CUGRU_SIMULATED_<NAME>; README.md lists them. Read when they are used, so that a test can
// change them.
#pragma once

#include <string>
#include <vector>

namespace simulated {

std::string setting(const char* name, const char* fallback = "");
long numberSetting(const char* name, long fallback);

// "9.0" as 90.
int computeCapability();
// 12 or 13.
int cudaMajor();

std::vector<std::string> split(const std::string& text, char separator);

}  // namespace simulated
