#include "core/attributes.h"

#include <cmath>

#include "core/error.h"

namespace cugru {

namespace {
template <typename T>
const T& expect(const Attribute& value, const std::string& name, const char* wanted) {
  const T* found = std::get_if<T>(&value);
  if (found == nullptr) fail(code::kType, "attribute '", name, "' must be ", wanted);
  return *found;
}
}  // namespace

const Attribute& Attributes::at(const std::string& name) const {
  auto found = values_.find(name);
  if (found == values_.end()) fail(code::kValue, "attribute '", name, "' is missing");
  return found->second;
}

int64_t Attributes::integer(const std::string& name, int64_t low, int64_t high) const {
  const double value = expect<double>(at(name), name, "an integer");
  if (!(std::floor(value) == value) || value < static_cast<double>(low) || value > static_cast<double>(high)) {
    fail(code::kValue, "attribute '", name, "' must be an integer from ", low, " to ", high, ", got ", value);
  }
  return static_cast<int64_t>(value);
}

int64_t Attributes::integerOr(const std::string& name, int64_t fallback, int64_t low, int64_t high) const {
  return has(name) ? integer(name, low, high) : fallback;
}

double Attributes::number(const std::string& name, double low, double high) const {
  const double value = expect<double>(at(name), name, "a number");
  if (!std::isfinite(value) || value < low || value > high) {
    fail(code::kValue, "attribute '", name, "' must be a number from ", low, " to ", high, ", got ", value);
  }
  return value;
}

double Attributes::numberOr(const std::string& name, double fallback, double low, double high) const {
  return has(name) ? number(name, low, high) : fallback;
}

bool Attributes::flagOr(const std::string& name, bool fallback) const {
  return has(name) ? expect<bool>(at(name), name, "a boolean") : fallback;
}

const std::string& Attributes::string(const std::string& name) const {
  return expect<std::string>(at(name), name, "a string");
}

std::string Attributes::stringOr(const std::string& name, const std::string& fallback) const {
  return has(name) ? string(name) : fallback;
}

IndexArray Attributes::indices(const std::string& name) const {
  return expect<IndexArray>(at(name), name, "an Int32Array");
}

FloatArray Attributes::floatsOrNull(const std::string& name) const {
  return has(name) ? expect<FloatArray>(at(name), name, "a Float32Array") : nullptr;
}

}  // namespace cugru
