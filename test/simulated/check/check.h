// A little test harness, and the device as the project opens it: through its own loader.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "core/simulated.h"
#include "cuda/driver/probe.h"

namespace simulated_check {

using namespace cugru::cuda;

struct Case {
  const char *group, *title;
  void (*run)();
};
std::vector<Case>& cases();

// Something that sim_check does for a test instead of being one.
struct Command {
  const char* name;
  int (*run)(int argc, char** argv);
};
std::vector<Command>& commands();
const Command* findCommand(const char* name);

size_t& failures();
void report(const char* file, int line, const std::string& what);

template <typename A, typename B>
void same(const char* file, int line, const char* what, const A& got, const B& wanted) {
  if (got == wanted) return;
  report(file, line, std::string(what) + " is " + std::to_string(got) + ", not " + std::to_string(wanted));
}

#define SAME(got, wanted) ::simulated_check::same(__FILE__, __LINE__, #got, got, wanted)
#define TRUE(condition) \
  if (!(condition)) ::simulated_check::report(__FILE__, __LINE__, #condition " does not hold")
#define OK(call) SAME(static_cast<unsigned>(call), 0u)
// A call that must be answered with the vendor's code.
#define GIVES(code, call) SAME(static_cast<unsigned>(call), static_cast<unsigned>(code))

#define CASE(group, id, title)                                                                    \
  static void id();                                                                               \
  static const bool id##Added = (::simulated_check::cases().push_back({group, title, id}), true); \
  static void id()

// Sets a setting of the device, before it is asked.
inline void set(const char* name, const char* value) {
  setenv((std::string("CUGRU_SIMULATED_") + name).c_str(), value, 1);
}

// The libraries, opened from CUGRU_CUDA_PATH. Opened once.
const Libraries& opened();
inline const CudaApi& cu() { return opened().cuda; }
inline const CudnnApi& dnn() { return opened().cudnn; }
inline const CublasLtApi& lt() { return opened().cublasLt; }
inline const NvrtcApi& rtc() { return opened().nvrtc; }

// A context that is current, and a stream; both are given back at the end, and nothing may be left then.
class Device {
 public:
  explicit Device(unsigned streamFlags = CU_STREAM_NON_BLOCKING);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  CUcontext context = nullptr;
  CUstream stream = nullptr;

  CUdeviceptr allocate(size_t bytes);  // filled with zeros; freed at the end
  CUdeviceptr upload(const std::vector<float>& values);
  std::vector<float> download(CUdeviceptr from, size_t count);
  void synchronize();

 private:
  std::vector<CUdeviceptr> allocated_;
};

// How many violations there were so far, with their text; forgets them.
size_t takeViolations(std::string* text = nullptr);
size_t leftovers();

template <typename T>
T* pointer(CUdeviceptr address) {
  return reinterpret_cast<T*>(address);
}

// Reproducible numbers in (-scale, scale).
std::vector<float> numbers(size_t count, unsigned seed, float scale = 1.0f);

}  // namespace simulated_check
