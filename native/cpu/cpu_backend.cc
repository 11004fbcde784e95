#include "cpu/cpu_backend.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/host_memory.h"
#include "cpu/cpu_stream.h"
#include "cpu/registry.h"

namespace cugru {

namespace {
using cpu::CpuStream;
using cpu::Vectors;

constexpr int64_t kBlock = 16384;  // elements of one task of a sum

const cpu::Table* tableOf(Isa isa) {
  switch (isa) {
    case Isa::baseline: return cpu::baselineTable();
    case Isa::avx2: return cpu::avx2Table();
    case Isa::avx512: return cpu::avx512Table();
    case Isa::neon: return cpu::neonTable();
  }
  return nullptr;
}

class CpuBackend final : public Backend {
 public:
  // Asks for the pool at once, so that a wrong CUGRU_NUM_THREADS is refused here and not by the first run.
  explicit CpuBackend(Isa isa) : vectors_{tableOf(isa), isaName(isa)} { ThreadPool::instance(); }

  std::string name() const override { return "cpu"; }
  std::string description() const override {
    const int threads = ThreadPool::instance().size();
    return text("cpu (", vectors_.name, ", ", threads, threads == 1 ? " thread)" : " threads)");
  }

  Support supports(const OpDesc& desc) const override {
    const std::string precision = desc.attrs.stringOr("precision", "fp32");
    if (precision == "bf16" || precision == "fp16") {
      return {false, text("the CPU computes in float32, not in ", precision)};
    }
    if (cpu::findKernel(desc.op) != nullptr) return {};
    return {false, text("the CPU backend has no operation '", desc.op, "'")};
  }
  std::unique_ptr<Kernel> createKernel(const OpDesc& desc) override {
    const Support support = supports(desc);
    if (!support.ok) fail(code::kUnsupported, desc.name, ": ", support.reason);
    return cpu::findKernel(desc.op)(desc, vectors_);
  }
  std::unique_ptr<ParameterLayout> createLayout(const GroupDesc& desc) override {
    return cpu::makeLayout(desc, vectors_);
  }
  std::unique_ptr<Optimizer> createOptimizer(const OptimizerDesc& desc, int64_t elements) override {
    return cpu::makeOptimizer(desc, elements, vectors_);
  }

  std::unique_ptr<Stream> createStream() override { return std::make_unique<CpuStream>(true); }
  std::unique_ptr<Stream> createInlineStream() override { return std::make_unique<CpuStream>(false); }
  bool usesHostMemory() const override { return true; }
  std::unique_ptr<Memory> allocate(size_t bytes) override { return allocateHost(bytes, "the CPU backend"); }

  void upload(void* device, const void* host, size_t bytes, Stream& stream) override {
    copy(device, host, bytes, stream);
  }
  void download(void* host, const void* device, size_t bytes, Stream& stream) override {
    copy(host, device, bytes, stream);
  }
  void copy(void* to, const void* from, size_t bytes, Stream&) override {
    if (bytes > 0 && to != from) std::memcpy(to, from, bytes);
  }
  void zero(void* device, size_t bytes, Stream&) override {
    if (bytes > 0) std::memset(device, 0, bytes);
  }
  void accumulate(float* sum, const float* term, int64_t elements, Stream& stream) override {
    cpu::cpu(stream).blocks(elements, kBlock, 0.25, [&](int64_t first, int64_t count) {
      vectors_.table->add(sum + first, term + first, sum + first, count);
    });
  }
  void takeControl(StepControl* control, const StepControl* run, int64_t* next, Stream&) override {
    *control = run[(*next)++];
  }

 private:
  Vectors vectors_;
};
}  // namespace

std::unique_ptr<Backend> createCpuBackend(Isa isa) {
  const std::vector<Isa> isas = supportedIsas();
  if (std::find(isas.begin(), isas.end(), isa) == isas.end()) {
    fail(code::kUnsupported, "this build or processor cannot run the ", isaName(isa), " kernels");
  }
  return std::make_unique<CpuBackend>(isa);
}

}  // namespace cugru
