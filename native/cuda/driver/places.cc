#include "cuda/driver/places.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace cugru::cuda {

namespace fs = std::filesystem;

namespace {

using How = Place::How;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The names in a folder that begin with a prefix, sorted; none when it cannot be read.
std::vector<std::string> namesIn(const fs::path& folder, const std::string& prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind(prefix, 0) == 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool isFolder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

class Order {
 public:
  std::vector<Place> places;

  void directory(const std::string& source, const fs::path& path) {
    if (isFolder(path)) places.push_back({How::directory, source, path.string()});
  }

  void wheels(const std::string& source, const fs::path& path) {
    if (isFolder(path / "nvidia")) places.push_back({How::wheels, source, path.string()});
  }

  // A folder that a person named: of libraries, of a toolkit, of Python packages, or of an environment.
  void named(const std::string& source, const fs::path& path) {
    places.push_back({How::directory, source, path.string()});  // even when it is not there: the report shall say so
    toolkit(source, path);
    wheels(source, path);
    environmentOf(source, path);
  }

  void toolkit(const std::string& source, const fs::path& path) {
    directory(source, path / "lib64");
    directory(source, path / "lib");
  }

  // <prefix>/lib/python3.x/site-packages
  void environmentOf(const std::string& source, const fs::path& prefix) {
    for (const char* lib : {"lib", "lib64", "local/lib"}) {
      for (const std::string& python : namesIn(prefix / lib, "python3")) {
        wheels(source, prefix / lib / python / "site-packages");
        wheels(source, prefix / lib / python / "dist-packages");
      }
    }
  }
};

void addExplicit(Order& order, const std::string& explicitPath) {
  const std::string path = explicitPath.empty() ? environment("CUGRU_CUDA_PATH") : explicitPath;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, ':');) {
    if (!part.empty()) order.named(explicitPath.empty() ? "CUGRU_CUDA_PATH" : "option", part);
  }
}

void addPython(Order& order) {
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string prefix = environment(name);
    if (prefix.empty()) continue;
    order.environmentOf(name, prefix);
    if (std::string(name) == "CONDA_PREFIX") order.directory(name, fs::path(prefix) / "lib");
  }
  const std::string base = environment("PYTHONUSERBASE"), home = environment("HOME");
  if (!base.empty())
    order.environmentOf("PYTHONUSERBASE", base);
  else if (!home.empty())
    order.environmentOf("site-packages", fs::path(home) / ".local");
  order.environmentOf("site-packages", "/usr/local");
  order.environmentOf("site-packages", "/usr");
}

// What `cugru cuda install` made; lib/cuda/install.ts has the same rule.
void addPrivate(Order& order, int cudaMajor) {
  const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (data.empty() && home.empty()) return;
  const fs::path root = (data.empty() ? fs::path(home) / ".local" / "share" : fs::path(data)) / "cugru" / "cuda";
  std::vector<std::string> names = namesIn(root, "cuda-");
  std::reverse(names.begin(), names.end());  // the newest first
  for (const std::string& name : names) {
    if (cudaMajor > 0 && std::atoi(name.c_str() + 5) > cudaMajor) continue;  // the driver could not run it
    order.wheels("cugru cuda install", root / name);
  }
}

void addSystem(Order& order) {
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const std::string root = environment(name); !root.empty()) order.toolkit(name, root);
  }
  for (const char* path : {"/usr/local/cuda/lib64", "/opt/cuda/lib64", "/usr/lib/x86_64-linux-gnu",
                           "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib/wsl/lib", "/usr/local/nvidia/lib64"}) {
    order.directory("distribution", path);
  }
}

}  // namespace

std::vector<Place> searchPlaces(LibraryKind kind, const std::string& explicitPath, int cudaMajor) {
  Order order;
  addExplicit(order, explicitPath);
  order.places.push_back({How::loaded, "already loaded", ""});
  if (kind != LibraryKind::driver) {  // the driver comes with the system, never with a package
    addPython(order);
    addPrivate(order, cudaMajor);
  }
  order.places.push_back({How::loader, "loader path", ""});
  addSystem(order);
  return order.places;
}

std::vector<std::string> filesAt(const Place& place, const std::string& name) {
  const fs::path root(place.path);
  if (place.how == How::directory) return {(root / name).string()};
  std::vector<std::string> files;
  for (const std::string& package : namesIn(root / "nvidia", "")) {
    const fs::path file = root / "nvidia" / package / "lib" / name;
    std::error_code error;
    if (fs::exists(file, error)) files.push_back(file.string());
  }
  return files;
}

}  // namespace cugru::cuda
