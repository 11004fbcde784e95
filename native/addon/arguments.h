// Reading JavaScript values with checks. Everything throws CugruError and names what was read.
#pragma once

#include <string>
#include <vector>

#include "addon/napi_setup.h"
#include "core/tensor.h"

namespace cugru {

// A typed array's memory, valid until JavaScript runs again.
struct ArrayView {
  void* data = nullptr;
  size_t length = 0, bytes = 0;
  napi_typedarray_type type = napi_uint8_array;
};

Napi::Object object(const Napi::Value& value, const char* what);
Napi::Array list(const Napi::Value& value, const char* what);  // at most 4096 entries
int64_t integer(const Napi::Value& value, const char* what, int64_t low, int64_t high);
double number(const Napi::Value& value, const char* what);
std::string string(const Napi::Value& value, const char* what);
bool boolean(const Napi::Value& value, const char* what);
bool present(const Napi::Object& from, const char* key);
int64_t integerOr(const Napi::Object& from, const char* key, int64_t fallback, int64_t low, int64_t high);
double numberOr(const Napi::Object& from, const char* key, double fallback);
bool flagOr(const Napi::Object& from, const char* key, bool fallback);

ArrayView anyArray(const Napi::Value& value, const char* what);  // ERR_DETACHED_BUFFER when its buffer is gone
ArrayView typedArray(const Napi::Value& value, napi_typedarray_type type, const char* what);
std::vector<int32_t> int32s(const Napi::Value& value, const char* what);
std::vector<float> floats(const Napi::Value& value, const char* what);
DType dtype(const Napi::Value& value, const char* what);

}  // namespace cugru
