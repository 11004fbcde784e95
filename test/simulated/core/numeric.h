// Numbers of the device's types, read and written as double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace simulated {

enum class Number { float32, float64, float16, bfloat16 };

size_t sizeOf(Number type);
double load(Number type, const void* from, size_t index);
void store(Number type, void* to, size_t index, double value);
// The nearest number that the type has.
double nearest(Number type, double value);
void roundAll(Number type, double* values, size_t count);
std::vector<double> loadAll(Number type, const void* from, size_t count);

// y += a * x
void addScaled(double* y, const double* x, double a, size_t count);

// Tells changed contents; no secret.
uint64_t checksum(const std::vector<double>& values);

}  // namespace simulated
