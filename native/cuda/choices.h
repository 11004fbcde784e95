// What was found out by trying, kept on disk: by device, driver, libraries, shape and type, so that it is tried once on a machine.
#pragma once

#include <string>

#include "cuda/device.h"
#include "cuda/disk_cache.h"

namespace cugru::cuda {

// Lines of "name value", for the head of a key.
std::string machineOf(const Device& device);

// One choice: its key, and the lines that were found.
class KeptChoice {
 public:
  KeptChoice(std::string name, std::string key) : name_(std::move(name)), key_(std::move(key)) {}

  std::string read() const;  // empty: there is none
  void write(const std::string& lines) const;

  // What is being tried is written down before, so that what takes the process or the GPU with it is not tried again. Gives what an
  // earlier process of this machine was trying when it ended; what a living one is trying is its own business.
  std::string fatal() const;
  void trying(const std::string& what) const;
  void tried() const;

 private:
  DiskCache cache_{"choices"};
  std::string name_, key_;
};

}  // namespace cugru::cuda
