// The options of an operation, as they come through the native door: names to plain values, read with checks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace cugru {

using IndexArray = std::shared_ptr<const std::vector<int32_t>>;
using FloatArray = std::shared_ptr<const std::vector<float>>;
using Attribute = std::variant<double, bool, std::string, IndexArray, FloatArray>;

class Attributes {
 public:
  void set(const std::string& name, Attribute value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.count(name) != 0; }

  // An integer in [low, high]; ERR_VALUE names the attribute and what was wrong.
  int64_t integer(const std::string& name, int64_t low, int64_t high) const;
  int64_t integerOr(const std::string& name, int64_t fallback, int64_t low, int64_t high) const;
  double number(const std::string& name, double low, double high) const;  // finite, low <= value <= high
  double numberOr(const std::string& name, double fallback, double low, double high) const;
  bool flagOr(const std::string& name, bool fallback) const;
  const std::string& string(const std::string& name) const;
  std::string stringOr(const std::string& name, const std::string& fallback) const;
  IndexArray indices(const std::string& name) const;       // must be there
  FloatArray floatsOrNull(const std::string& name) const;  // null when absent

  // Equal in every value: two nodes may share parameters only if their groups agree.
  bool operator==(const Attributes& other) const { return values_ == other.values_; }

 private:
  const Attribute& at(const std::string& name) const;
  std::map<std::string, Attribute> values_;
};

}  // namespace cugru
