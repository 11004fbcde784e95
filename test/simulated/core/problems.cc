#include "core/problems.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>

#include "core/settings.h"
#include "core/simulated.h"

namespace simulated {

namespace {

// Never destroyed: the process may still call the device while it ends.
struct State {
  std::recursive_mutex lock;
  std::vector<std::string> violations;
  std::map<std::string, size_t> counts;
  std::vector<Inventory> inventories;
};

State& state() {
  static State* const one = new State;
  return *one;
}

std::vector<std::string> leaks() {
  std::vector<std::string> all;
  for (Inventory inventory : state().inventories) {
    for (std::string& line : inventory()) all.push_back("not given back: " + std::move(line));
  }
  return all;
}

size_t write(const std::vector<std::string>& lines, char* text, size_t capacity) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  if (text != nullptr && capacity > 0) {
    const size_t length = std::min(all.size(), capacity - 1);
    std::memcpy(text, all.data(), length);
    text[length] = '\0';
  }
  return lines.size();
}

std::vector<std::string> report() {
  std::vector<std::string> lines = state().violations;
  for (std::string& line : leaks()) lines.push_back(std::move(line));
  return lines;
}

void writeCounts(const std::string& path) {
  std::ofstream file(path);
  const char* before = "{";
  for (const auto& [what, times] : state().counts) {
    file << before << '"' << what << "\": " << times;
    before = ", ";
  }
  file << (*before == '{' ? "{}" : "}") << "\n";
}

// CUGRU_SIMULATED_REPORT names a file that gets the report when the process ends, CUGRU_SIMULATED_COUNTS one that gets the counts.
struct AtExit {
  ~AtExit() {
    if (const std::string counts = setting("COUNTS"); !counts.empty()) writeCounts(counts);
    const std::string path = setting("REPORT");
    if (path.empty()) return;
    std::ofstream file(path, std::ios::app);
    for (const std::string& line : report()) file << line << "\n";
  }
} atExit;

}  // namespace

Guard::Guard() : held_(state().lock) {}

void violation(const std::string& what) {
  state().violations.push_back(what);
  std::fprintf(stderr, "simulated device: %s\n", what.c_str());
}

const std::vector<std::string>& violations() { return state().violations; }

void count(const char* what) { state().counts[what]++; }

void addInventory(Inventory inventory) { state().inventories.push_back(inventory); }

}  // namespace simulated

using simulated::Guard;
using simulated::state;

extern "C" {

size_t simulated_report(char* text, size_t capacity) {
  Guard guard;
  return simulated::write(simulated::report(), text, capacity);
}

size_t simulated_violations(char* text, size_t capacity) {
  Guard guard;
  return simulated::write(state().violations, text, capacity);
}

void simulated_forget(void) {
  Guard guard;
  state().violations.clear();
}

size_t simulated_count(const char* what) {
  Guard guard;
  const auto found = state().counts.find(what);
  return found != state().counts.end() ? found->second : 0;
}
}
