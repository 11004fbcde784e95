// What was found out by trying, kept on disk and with saved models: by device, driver, libraries, shape and type, so that it is tried
// once on a machine.
#pragma once

#include <string>

#include "cuda/device.h"
#include "cuda/disk_cache.h"

namespace cugru::cuda {

// Lines of "name value", for the head of a key.
std::string machineOf(const Device& device);

// What a saved model brought is heeded where its key begins as one of this machine does; the others are left out.
void offerChoices(Device& device, const std::vector<Choice>& choices);

// One choice: its key, and the lines that were found.
class KeptChoice {
 public:
  KeptChoice(Device& device, std::string name, std::string key)
      : device_(device), name_(std::move(name)), key_(std::move(key)) {}

  std::string read() const;  // from disk; empty: there is none
  void write(const std::string& lines) const;
  // What the session knows: brought by a saved model, or used before. It is not written to disk: a model's file says nothing to others.
  std::string offered() const { return device_.choices().find(key_); }
  void use(const std::string& lines) const { device_.choices().use(key_, lines); }
  void forget() const { device_.choices().forget(key_); }

  // What is being tried is written down before, so that what takes the process or the GPU with it is not tried again. Gives what an
  // earlier process of this machine was trying when it ended; what a living one is trying is its own business.
  std::string fatal() const;
  void trying(const std::string& what) const;
  void tried() const;

 private:
  Device& device_;
  DiskCache cache_{"choices"};
  std::string name_, key_;
};

}  // namespace cugru::cuda
