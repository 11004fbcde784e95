// Memory faults of kernels become the device's errors; other threads' faults in device memory are explained before they are fatal.
#pragma once

#include <functional>

namespace simulated {

void watchFaults();

// Runs it; what it touched that it must not have, or null.
const char* runGuarded(const std::function<void()>& work);

}  // namespace simulated
