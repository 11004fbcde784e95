// The yardstick: sgemm by OpenBLAS.
#include <cblas.h>

#include <cstdlib>
#include <stdexcept>

#include "worker.h"

extern "C" void openblas_set_num_threads(int);
extern "C" char* openblas_get_config();
extern "C" char* openblas_get_corename();

int main(int, char** argv) {
  openblas_set_num_threads(std::atoi(argv[1]));
  std::string version = std::string(openblas_get_config()).substr(9, 6) + "-" + openblas_get_corename();
  return serve("openblas", version, [](const Case& c) -> std::function<void()> {
    if (c.pass != "gemm") throw std::runtime_error("matrix products only");
    const int m = c.batch, k = c.inputs, n = c.units;
    std::vector<float> a(m * k, 0.5f), b(k * n, 0.25f), out(m * n);
    return [=]() mutable {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data(), k, b.data(), n, 0, out.data(), n);
      if (out[0] != 0.125f * static_cast<float>(k)) throw std::runtime_error("wrong product");
    };
  });
}
