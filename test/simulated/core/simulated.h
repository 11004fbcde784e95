// What the simulated device tells those who test with it: a plain C interface of libsimulated_core.so.
#pragma once

#include <cstddef>

#define SIMULATED_EXPORT __attribute__((visibility("default")))

extern "C" {

// How many problems there are: misuse that was seen, and what is still allocated, created or queued. Their text, one a line, goes
// into `text` as far as it has room; `text` may be null.
SIMULATED_EXPORT size_t simulated_report(char* text, size_t capacity);

// As above, of misuse alone: for processes that leave their resources to their own end.
SIMULATED_EXPORT size_t simulated_violations(char* text, size_t capacity);

// Forgets the misuse that was seen; what is allocated stays.
SIMULATED_EXPORT void simulated_forget(void);

// How often something happened: "launches", "copies", "memsets", "allocations", "frees", "hostAllocations", "graphLaunches",
// "synchronizations", "captures", "graphs" (made ready), "driverCalls" (all that need a context), "modules", "compilations",
// "rnnForward", "rnnBackwardData", "rnnBackwardWeights", "convolutionForward", "convolutionBackwardData", "convolutionBackwardFilter",
// "matmuls". 0 for anything else.
SIMULATED_EXPORT size_t simulated_count(const char* what);

// From now on, the call number `at` (from 1) fails, of those that answer a status: of all ("call"), of those that allocate device
// memory or pinned memory ("allocation"), of those whose name begins so ("nvrtc"), or of all, and the device is lost with it
// ("lost"). 0: no call fails. One that fails does nothing; those that give back, wait or select a context do so first.
SIMULATED_EXPORT void simulated_fail(const char* what, size_t at);

// 1 when that call was reached, and the function that it was; else 0.
SIMULATED_EXPORT size_t simulated_failed(char* function, size_t capacity);
}
