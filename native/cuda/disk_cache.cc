#include "cuda/disk_cache.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/error.h"

namespace cugru::cuda {

namespace fs = std::filesystem;

namespace {

constexpr char kMagic[8] = {'c', 'u', 'g', 'r', 'u', 'k', '0', '1'};
constexpr uint64_t kMostBytes = uint64_t{1} << 28;

// FNV-1a: against chance, not against malice.
uint64_t sumOf(const char* data, size_t bytes) {
  uint64_t sum = 0xcbf29ce484222325u;
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ static_cast<uint8_t>(data[i])) * 0x100000001b3u;
  return sum;
}

struct Head {
  char magic[8];
  uint64_t keyBytes, codeBytes, codeSum;
};

std::string cacheFolder(const char* kind) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return (fs::path(cache) / "cugru" / kind).string();
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return "";
  return (fs::path(home) / ".cache" / "cugru" / kind).string();
}

}  // namespace

DiskCache::DiskCache(const char* kind) : folder_(cacheFolder(kind)) {}

std::string DiskCache::pathOf(const std::string& name, const std::string& key) const {
  std::ostringstream path;
  path << name << "-" << std::hex << sumOf(key.data(), key.size()) << ".bin";
  return (fs::path(folder_) / path.str()).string();
}

std::vector<char> DiskCache::read(const std::string& name, const std::string& key) const {
  if (folder_.empty()) return {};
  std::ifstream file(pathOf(name, key), std::ios::binary);
  Head head{};
  if (!file.read(reinterpret_cast<char*>(&head), sizeof head)) return {};
  if (std::memcmp(head.magic, kMagic, sizeof kMagic) != 0 || head.keyBytes != key.size() || head.codeBytes == 0 ||
      head.codeBytes > kMostBytes) {
    return {};
  }
  std::string storedKey(key.size(), '\0');
  std::vector<char> code(head.codeBytes);
  if (!file.read(storedKey.data(), static_cast<std::streamsize>(storedKey.size())) || storedKey != key ||
      !file.read(code.data(), static_cast<std::streamsize>(code.size())) ||
      sumOf(code.data(), code.size()) != head.codeSum) {
    return {};
  }
  return code;
}

void DiskCache::remove(const std::string& name, const std::string& key) const {
  std::error_code error;
  if (!folder_.empty()) fs::remove(pathOf(name, key), error);
}

// Under a name of its own first: who reads meanwhile sees the old file or the whole new one.
void DiskCache::write(const std::string& name, const std::string& key, const std::vector<char>& code) const {
  if (folder_.empty() || code.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return;
  const std::string path = pathOf(name, key);
  const std::string temporary = text(path, ".", std::random_device{}(), ".tmp");
  Head head{};
  std::memcpy(head.magic, kMagic, sizeof kMagic);
  head.keyBytes = key.size();
  head.codeBytes = code.size();
  head.codeSum = sumOf(code.data(), code.size());
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&head), sizeof head);
    file.write(key.data(), static_cast<std::streamsize>(key.size()));
    file.write(code.data(), static_cast<std::streamsize>(code.size()));
    file.flush();
    if (!file) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) fs::rename(temporary, path, error);
  if (error) fs::remove(temporary, error);
}

}  // namespace cugru::cuda
