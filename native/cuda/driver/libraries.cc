#include "cuda/driver/libraries.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "cuda/driver/shared_object.h"

namespace cugru::cuda {

namespace fs = std::filesystem;

namespace {

constexpr int kNewestCuda = 13, kOldestCuda = 12;
constexpr size_t kOldestCudnn = 8900;

// What is opened with a library, from its folder, before it: the loader must not find another copy elsewhere.
struct Part {
  std::string name;
  bool required;
};

std::vector<Part> partsOf(const std::string& name, const fs::path& folder) {
  if (name == "libcudnn.so.9") {
    return {{"libcudnn_graph.so.9", true},
            {"libcudnn_ops.so.9", true},
            {"libcudnn_cnn.so.9", false},
            {"libcudnn_adv.so.9", true}};
  }
  if (name == "libcudnn.so.8") {
    return {{"libcudnn_ops_infer.so.8", true}, {"libcudnn_cnn_infer.so.8", false}, {"libcudnn_adv_infer.so.8", true},
            {"libcudnn_ops_train.so.8", true}, {"libcudnn_cnn_train.so.8", false}, {"libcudnn_adv_train.so.8", true}};
  }
  if (name.rfind("libnvrtc.so.", 0) != 0) return {};
  // NVRTC looks for its built-in functions by name when it compiles, and some builds of it do not look beside themselves.
  std::vector<Part> parts;
  const std::string prefix = "libnvrtc-builtins.so." + name.substr(12) + ".";
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (file.rfind(prefix, 0) == 0) parts.push_back({file, false});
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.name < b.name; });
  return parts;
}

std::vector<std::string> namesOf(LibraryKind kind, int cudaMajor) {
  if (kind == LibraryKind::driver) return {"libcuda.so.1"};
  if (kind == LibraryKind::cudnn) return {"libcudnn.so.9", "libcudnn.so.8"};
  const std::string stem = kind == LibraryKind::cublasLt ? "libcublasLt.so." : "libnvrtc.so.";
  if (cudaMajor > 0) return {stem + std::to_string(cudaMajor)};
  return {stem + std::to_string(kNewestCuda), stem + std::to_string(kOldestCuda)};
}

// Looks for one library, place by place, until one opens that has every symbol.
class Search {
 public:
  Search(const SearchOptions& options, LibraryReport& report, const std::vector<SymbolSlot>& symbols)
      : options_(options), report_(report), symbols_(symbols) {}

  void run(LibraryKind kind, int driverMajor, int cudaMajor) {
    const std::vector<std::string> names = namesOf(kind, cudaMajor);
    for (const Place& place : searchPlaces(kind, options_.path, driverMajor)) {
      for (const std::string& name : names) {
        if (tryPlace(place, name)) return;
      }
    }
  }

 private:
  bool tryPlace(const Place& place, const std::string& name) {
    if (place.how == Place::How::loaded) return tryLoaded(place, name);
    if (place.how == Place::How::loader) return tryLoader(place, name);
    const std::vector<std::string> files = filesAt(place, name);
    if (files.empty()) return refuse(place, place.path + "/nvidia/*/lib/" + name, "no such file");
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return tryFile(place, file, name); });
  }

  bool tryLoaded(const Place& place, const std::string& name) {
    LibraryHandle handle = findLoaded(name);
    if (handle == nullptr) return false;  // the usual case, not worth a line
    return take(place, handle, pathOf(handle));
  }

  bool tryLoader(const Place& place, const std::string& name) {
    LibraryHandle handle = open(name, name, place);
    if (handle == nullptr) return false;
    const std::string path = pathOf(handle);
    return openParts(place, path, name) && take(place, handle, path);
  }

  bool tryFile(const Place& place, const std::string& file, const std::string& name) {
    std::error_code error;
    if (!fs::exists(file, error)) return refuse(place, file, "no such file");
    if (!openParts(place, file, name)) return false;
    LibraryHandle handle = open(file, file, place);
    return handle != nullptr && take(place, handle, file);
  }

  bool openParts(const Place& place, const std::string& file, const std::string& name) {
    const fs::path folder = fs::path(file).parent_path();
    std::vector<std::string> paths;
    for (const Part& part : partsOf(name, folder)) {
      const std::string path = (folder / part.name).string();
      std::error_code error;
      if (fs::exists(path, error))
        paths.push_back(path);
      else if (part.required)
        return refuse(place, file, part.name + " is not beside it");
    }
    // The parts find each other by name: those of a copy that was opened and then refused would be mixed with these.
    if (!paths.empty() && !partsFrom_.empty() && partsFrom_ != folder) {
      return refuse(place, file, "parts of the one in " + partsFrom_.string() + " are in the process already");
    }
    for (const std::string& path : paths) {
      partsFrom_ = folder;
      if (open(path, file, place) == nullptr) return false;
    }
    report_.parts = std::move(paths);
    return true;
  }

  LibraryHandle open(const std::string& path, const std::string& shown, const Place& place) {
    if (options_.onStep) options_.onStep("opening " + path);
    std::string error;
    LibraryHandle handle = openLibrary(path, error);
    if (handle == nullptr) refuse(place, shown, error);
    return handle;
  }

  bool take(const Place& place, LibraryHandle handle, const std::string& path) {
    // By name the loader gives what the process has, which may be what was refused a moment ago.
    const auto isSame = [&](const Attempt& attempt) { return attempt.path == path; };
    if (std::any_of(report_.attempts.begin(), report_.attempts.end(), isSame)) return false;
    for (const SymbolSlot& slot : symbols_) {
      *slot.address = symbolOf(handle, slot.name);
      if (*slot.address == nullptr && slot.required) {
        clear();
        return refuse(place, path, std::string("it has no ") + slot.name);
      }
    }
    report_.path = path;
    report_.source = place.source;
    report_.attempts.push_back({path, place.source, ""});
    return true;
  }

  void clear() {
    for (const SymbolSlot& slot : symbols_) *slot.address = nullptr;
  }

  bool refuse(const Place& place, const std::string& path, const std::string& reason) {
    report_.parts.clear();
    report_.attempts.push_back({path, place.source, reason});
    return false;
  }

  const SearchOptions& options_;
  LibraryReport& report_;
  const std::vector<SymbolSlot>& symbols_;
  fs::path partsFrom_;
};

std::string dotted(size_t major, size_t minor, size_t patch) { return text(major, ".", minor, ".", patch); }

void blame(LibraryReport& report, const std::string& problem, const std::string& advice) {
  report.problem = problem;
  report.advice = advice;
}

// --cuda 12 or 13, as far as the driver is known.
std::string installAdvice(int driverMajor) {
  const std::string which = driverMajor > 0 ? text(" --cuda ", std::min(driverMajor, kNewestCuda)) : "";
  return text("run `cugru cuda install", which, "`, or name the folder that has it in CUGRU_CUDA_PATH");
}

void checkDriver(const Libraries& libraries, LibraryReport& report) {
  if (!report.opened()) {
    return blame(report, "NVIDIA's driver (libcuda.so.1) was not found",
                 "install NVIDIA's driver; in a container, start it with the GPU (docker run --gpus all)");
  }
  int version = 0;
  if (libraries.cuda.cuDriverGetVersion(&version) != CUDA_SUCCESS || version <= 0) {
    return blame(report, "the driver does not tell its version",
                 "the file may be the toolkit's stub, which has no driver behind it; install the driver itself");
  }
  report.cudaMajor = version / 1000;
  report.version = text("CUDA ", version / 1000, ".", version % 1000 / 10);
  if (report.cudaMajor < kOldestCuda) {
    blame(report, text("the driver runs ", report.version, " at most"), "update it to 525 or newer (CUDA 12)");
  }
}

void checkCudnn(const Libraries& libraries, LibraryReport& report, int driverMajor) {
  if (!report.opened()) return blame(report, "cuDNN (libcudnn.so.9) was not found", installAdvice(driverMajor));
  const size_t version = libraries.cudnn.cudnnGetVersion();
  report.version = version >= 90000 ? dotted(version / 10000, version / 100 % 100, version % 100)
                                    : dotted(version / 1000, version / 100 % 10, version % 100);
  report.cudaMajor = static_cast<int>(libraries.cudnn.cudnnGetCudartVersion() / 1000);
  if (version < kOldestCudnn) {
    return blame(report, text("cuDNN ", report.version, " is older than 8.9"), installAdvice(driverMajor));
  }
  // Another copy is not tried now: the parts of this one are in the process, and would be mixed with the other's.
  if (driverMajor > 0 && report.cudaMajor > driverMajor) {
    blame(report, text("it is for CUDA ", report.cudaMajor, ", and the driver runs CUDA ", driverMajor, " at most"),
          text("update the driver (CUDA 13 needs 580 or newer), or use libraries of its CUDA: run `cugru cuda install "
               "--cuda ",
               driverMajor, "` and name the folder that it prints in CUGRU_CUDA_PATH"));
  }
}

// What cuBLASLt and NVRTC have in common: both must be of cuDNN's CUDA.
void checkToolkit(LibraryReport& report, const char* file, int cudaMajor, int driverMajor, size_t major) {
  if (!report.opened()) {
    const std::string wanted = cudaMajor > 0 ? text(".", cudaMajor) : "";
    return blame(report, text(file, wanted, " was not found", cudaMajor > 0 ? ", and cuDNN is for that CUDA" : ""),
                 installAdvice(cudaMajor > 0 ? cudaMajor : driverMajor));
  }
  report.cudaMajor = static_cast<int>(major);
  if (cudaMajor > 0 && report.cudaMajor != cudaMajor) {
    blame(report, text("it is for CUDA ", major, ", and cuDNN is for CUDA ", cudaMajor), installAdvice(cudaMajor));
  }
}

void checkCublasLt(const Libraries& libraries, LibraryReport& report, int cudaMajor, int driverMajor) {
  const size_t version = report.opened() ? libraries.cublasLt.cublasLtGetVersion() : 0;
  if (version > 0) report.version = dotted(version / 10000, version / 100 % 100, version % 100);
  checkToolkit(report, "libcublasLt.so", cudaMajor, driverMajor, version / 10000);
}

void checkNvrtc(const Libraries& libraries, LibraryReport& report, int cudaMajor, int driverMajor) {
  int major = 0, minor = 0;
  if (report.opened() && libraries.nvrtc.nvrtcVersion(&major, &minor) == NVRTC_SUCCESS) {
    report.version = text(major, ".", minor);
  }
  checkToolkit(report, "libnvrtc.so", cudaMajor, driverMajor, static_cast<size_t>(major));
}

template <typename Api>
void search(LibraryKind kind, const SearchOptions& options, Api& api, LibraryReport& report, int driverMajor,
            int cudaMajor) {
  const std::vector<SymbolSlot> symbols = symbolsOf(api);
  Search(options, report, symbols).run(kind, driverMajor, cudaMajor);
}

}  // namespace

Libraries openLibraries(const SearchOptions& options) {
  Libraries out;
  out.driverReport.name = "driver";
  out.cudnnReport.name = "cudnn";
  out.cublasLtReport.name = "cublasLt";
  out.nvrtcReport.name = "nvrtc";

  search(LibraryKind::driver, options, out.cuda, out.driverReport, 0, 0);
  checkDriver(out, out.driverReport);
  const int driverMajor = out.driverReport.cudaMajor;
  // cuDNN decides which CUDA the others must be of: mixing two of them fails in ways that are hard to understand.
  search(LibraryKind::cudnn, options, out.cudnn, out.cudnnReport, driverMajor, 0);
  checkCudnn(out, out.cudnnReport, driverMajor);
  const int cudaMajor = out.cudnnReport.cudaMajor;
  search(LibraryKind::cublasLt, options, out.cublasLt, out.cublasLtReport, driverMajor, cudaMajor);
  checkCublasLt(out, out.cublasLtReport, cudaMajor, driverMajor);
  search(LibraryKind::nvrtc, options, out.nvrtc, out.nvrtcReport, driverMajor, cudaMajor);
  checkNvrtc(out, out.nvrtcReport, cudaMajor, driverMajor);
  return out;
}

}  // namespace cugru::cuda
