// Kernels for the simulated device's own tests, under the interface that the project's kernels for the host have too.
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using Run = void (*)(unsigned threads, void** parameters);
struct Kernel {
  std::vector<size_t> parameters;
  Run run;
};

// y[i] += a, for every thread of the grid.
void checkAdd(unsigned threads, void** parameters) {
  float* const y = *static_cast<float**>(parameters[0]);
  const float a = *static_cast<float*>(parameters[1]);
  const int n = *static_cast<int*>(parameters[2]);
  for (unsigned i = 0; i < threads && static_cast<int>(i) < n; i++) y[i] += a;
}

const std::map<std::string, Kernel>& kernels() {
  static const std::map<std::string, Kernel> all{
      {"checkAdd", {{sizeof(float*), sizeof(float), sizeof(int)}, checkAdd}},
      {"checkNothing", {{}, [](unsigned, void**) {}}},
  };
  return all;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int simulated_has_kernel(const char* name) { return kernels().count(name) > 0 ? 1 : 0; }

EXPORTED size_t simulated_kernel_param_sizes(const char* name, size_t* sizes, size_t capacity) {
  const std::vector<size_t>& all = kernels().at(name).parameters;
  for (size_t i = 0; i < all.size() && i < capacity; i++) sizes[i] = all[i];
  return all.size();
}

EXPORTED int simulated_launch_kernel(const char* name, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                     unsigned bz, size_t, void** params) {
  kernels().at(name).run(gx * gy * gz * bx * by * bz, params);
  return 0;
}
