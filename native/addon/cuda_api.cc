#include "addon/api.h"
#include "addon/arguments.h"
#include "addon/export.h"
#include "cuda/driver/probe.h"

#if defined(__linux__)
#include <unistd.h>
#endif

namespace cugru {

namespace {

// Lines that are out of the process before the step begins, so that whoever reads them knows where it ended.
void writeLine(int descriptor, const std::string& line) {
#if defined(__linux__)
  const std::string out = line + "\n";
  [[maybe_unused]] const auto written = ::write(descriptor, out.data(), out.size());
#else
  (void)descriptor;
  (void)line;
#endif
}

cuda::SearchOptions searchOptions(const Napi::Object& from) {
  cuda::SearchOptions options;
  if (present(from, "path")) options.path = string(from.Get("path"), "path");
  if (present(from, "traceDescriptor")) {
    const int descriptor = static_cast<int>(integer(from.Get("traceDescriptor"), "traceDescriptor", 0, 1 << 20));
    options.onStep = [descriptor](const std::string& step) { writeLine(descriptor, step); };
  }
  return options;
}

class Writer {
 public:
  explicit Writer(Napi::Env env) : env_(env) {}

  Napi::Value write(const cuda::ProbeReport& report) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("usable", Napi::Boolean::New(env_, report.usable()));
    out.Set("problems", list(report.problems));
    out.Set("devices", list(report.devices));
    out.Set("probed", number(report.probed));
    out.Set("weightBytes", number(report.weightBytes));
    Napi::Array libraries = Napi::Array::New(env_);
    const cuda::Libraries& all = report.libraries;
    for (const cuda::LibraryReport* one :
         {&all.driverReport, &all.cudnnReport, &all.cublasLtReport, &all.nvrtcReport}) {
      libraries.Set(libraries.Length(), item(*one));
    }
    out.Set("libraries", libraries);
    return out;
  }

 private:
  template <typename Number>
  Napi::Value number(Number value) {
    return Napi::Number::New(env_, static_cast<double>(value));
  }
  Napi::Value item(const std::string& value) { return Napi::String::New(env_, value); }

  Napi::Value item(const cuda::Problem& problem) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("what", item(problem.what));
    out.Set("advice", item(problem.advice));
    return out;
  }

  Napi::Value item(const cuda::DeviceReport& device) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("ordinal", number(device.ordinal));
    out.Set("name", item(device.name));
    out.Set("computeCapability", item(text(device.major, ".", device.minor)));
    out.Set("multiprocessors", number(device.multiprocessors));
    out.Set("totalBytes", number(device.totalBytes));
    out.Set("availableBytes", number(device.availableBytes));
    return out;
  }

  Napi::Value item(const cuda::Attempt& attempt) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("path", item(attempt.path));
    out.Set("source", item(attempt.source));
    out.Set("reason", item(attempt.reason));
    return out;
  }

  Napi::Value item(const cuda::LibraryReport& library) {
    Napi::Object out = Napi::Object::New(env_);
    out.Set("name", item(library.name));
    out.Set("path", item(library.path));
    out.Set("source", item(library.source));
    out.Set("version", item(library.version));
    out.Set("cudaMajor", number(library.cudaMajor));
    out.Set("problem", item(library.problem));
    out.Set("advice", item(library.advice));
    out.Set("parts", list(library.parts));
    out.Set("attempts", list(library.attempts));
    return out;
  }

  template <typename Item>
  Napi::Array list(const std::vector<Item>& items) {
    Napi::Array out = Napi::Array::New(env_);
    for (const Item& one : items) out.Set(out.Length(), item(one));
    return out;
  }

  Napi::Env env_;
};

Napi::Value cudaReport(const Napi::CallbackInfo& info) {
  const Napi::Object options = object(info[0], "options of cudaReport");
  const int ordinal = static_cast<int>(integerOr(options, "ordinal", 0, 0, 999));
  return Writer(info.Env()).write(cuda::probe(searchOptions(options), ordinal));
}

}  // namespace

void exportCuda(Napi::Env env, Napi::Object exports) { exportFunction<cudaReport>(env, exports, "cudaReport"); }

}  // namespace cugru
