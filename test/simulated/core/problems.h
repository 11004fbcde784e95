// What is remembered about the program under test: its mistakes, and how often it did what.
#pragma once

#include <cstddef>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace simulated {

// Everything here is behind one lock: the device runs one thing at a time.
class Guard {
 public:
  Guard();

 private:
  std::lock_guard<std::recursive_mutex> held_;
};

template <typename... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// A mistake that the vendor would answer with wrong numbers, a crash, or nothing. Printed to stderr at once.
void violation(const std::string& what);
const std::vector<std::string>& violations();

void count(const char* what);

// Asked for what is alive when a report is made.
using Inventory = std::vector<std::string> (*)();
void addInventory(Inventory inventory);

}  // namespace simulated
