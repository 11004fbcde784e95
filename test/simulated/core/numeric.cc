#include "core/numeric.h"

#include <cmath>
#include <cstring>

// Copies for newer processors, chosen when the library is loaded; sanitizers do not like what chooses them.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SIMULATED_FAST __attribute__((optimize("O3"), target_clones("default", "arch=haswell")))
#else
#define SIMULATED_FAST __attribute__((optimize("O3")))
#endif

namespace simulated {

namespace {

template <typename T>
T read(const void* from, size_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(from) + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void write(void* to, size_t index, T value) {
  std::memcpy(static_cast<char*>(to) + index * sizeof(T), &value, sizeof(T));
}

double fromHalf(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// To the nearest, ties to even.
uint16_t toHalf(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::fabs(value);
  if (std::isnan(value)) return 0x7E00;
  if (size >= 65520) return sign | 0x7C00;
  if (size < std::ldexp(1, -14)) return sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(size, 24)));
  int exponent = 0;
  const double fraction = std::nearbyint(std::ldexp(std::frexp(size, &exponent), 11));  // 1024 .. 2048
  return sign | static_cast<uint16_t>(((exponent + 14) << 10) + static_cast<int>(fraction) - 1024);
}

uint16_t toBfloat(double value) {
  const auto narrow = static_cast<float>(value);
  uint32_t bits = 0;
  std::memcpy(&bits, &narrow, 4);
  if (std::isnan(value)) return 0x7FC0;
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

double fromBfloat(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value = 0;
  std::memcpy(&value, &bits, 4);
  return value;
}

}  // namespace

size_t sizeOf(Number type) { return type == Number::float64 ? 8 : type == Number::float32 ? 4 : 2; }

double load(Number type, const void* from, size_t index) {
  switch (type) {
    case Number::float32: return read<float>(from, index);
    case Number::float64: return read<double>(from, index);
    case Number::float16: return fromHalf(read<uint16_t>(from, index));
    default: return fromBfloat(read<uint16_t>(from, index));
  }
}

void store(Number type, void* to, size_t index, double value) {
  switch (type) {
    case Number::float32: return write(to, index, static_cast<float>(value));
    case Number::float64: return write(to, index, value);
    case Number::float16: return write(to, index, toHalf(value));
    default: return write(to, index, toBfloat(value));
  }
}

double nearest(Number type, double value) {
  switch (type) {
    case Number::float32: return static_cast<float>(value);
    case Number::float64: return value;
    case Number::float16: return fromHalf(toHalf(value));
    default: return fromBfloat(toBfloat(value));
  }
}

void roundAll(Number type, double* values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = nearest(type, values[i]);
}

std::vector<double> loadAll(Number type, const void* from, size_t count) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; i++) values[i] = load(type, from, i);
  return values;
}

SIMULATED_FAST void addScaled(double* __restrict y, const double* __restrict x, double a, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] += a * x[i];
}

uint64_t checksum(const std::vector<double>& values) {
  uint64_t hash = 1469598103934665603u;
  for (const double value : values) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, 8);
    hash = (hash ^ bits ^ bits >> 32) * 1099511628211u;
  }
  return hash;
}

}  // namespace simulated
