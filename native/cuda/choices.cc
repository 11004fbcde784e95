#include "cuda/choices.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "core/error.h"

namespace cugru::cuda {

namespace {
constexpr int kFormat = 1;  // of the lines; another one makes older files stale

std::vector<char> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }
}  // namespace

std::string machineOf(const Device& device) {
  const Libraries& all = device.libraries();
  return text("format ", kFormat, "\ndevice ", device.deviceName(), "\ncapability ", device.capability() / 10, ".",
              device.capability() % 10, "\nmultiprocessors ", device.multiprocessors(), "\ndriver ",
              device.driverVersion(), "\ncudnn ", all.cudnnReport.version, "\ncublasLt ", all.cublasLtReport.version,
              "\n");
}

std::string KeptChoice::read() const {
  const std::vector<char> bytes = cache_.read(name_, key_);
  return {bytes.begin(), bytes.end()};
}

void KeptChoice::write(const std::string& lines) const {
  use(lines);
  cache_.write(name_, key_, bytesOf(lines));
}

void offerChoices(Device& device, const std::vector<Choice>& choices) {
  const std::string machine = machineOf(device);
  for (const Choice& choice : choices) {
    for (const char* kind : {"rnn\n", "matmul\n"}) {
      if (choice.key.rfind(kind + machine, 0) == 0) device.choices().offer(choice);
    }
  }
}

std::string KeptChoice::fatal() const {
  const std::vector<char> bytes = cache_.read(name_ + "-trying", key_);
  const std::string found(bytes.begin(), bytes.end());
  const size_t space = found.find(' ');
  if (space == std::string::npos) return "";
  const long pid = std::strtol(found.c_str(), nullptr, 10);
  const bool lives = pid > 0 && pid != ::getpid() && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
  return lives ? "" : found.substr(space + 1);
}

void KeptChoice::trying(const std::string& what) const {
  cache_.write(name_ + "-trying", key_, bytesOf(text(::getpid(), " ", what)));
}

void KeptChoice::tried() const { cache_.remove(name_ + "-trying", key_); }

}  // namespace cugru::cuda
