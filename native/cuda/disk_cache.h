// What is dear to make, on disk: <XDG_CACHE_HOME or ~/.cache>/cugru/<kind>. A file holds the whole key that it was made from and a
// sum of its bytes, so one that is torn or stale is as good as none. Nothing here fails: without a place to write there is no cache.
// lib/cuda/choices.ts reads the files of "choices" as well.
#pragma once

#include <string>
#include <vector>

namespace cugru::cuda {

class DiskCache {
 public:
  explicit DiskCache(const char* kind);  // "kernels", "choices"
  // Empty when there is none that was made from this key.
  std::vector<char> read(const std::string& name, const std::string& key) const;
  void write(const std::string& name, const std::string& key, const std::vector<char>& code) const;
  void remove(const std::string& name, const std::string& key) const;

 private:
  std::string pathOf(const std::string& name, const std::string& key) const;
  std::string folder_;  // empty: no cache
};

}  // namespace cugru::cuda
