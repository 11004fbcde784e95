#include "addon/arguments.h"

#include <cmath>

#include "core/error.h"

namespace cugru {

namespace {

constexpr uint32_t kMaxEntries = 1 << 12;  // what is quadratic in them stays under a second
constexpr size_t kMaxCharacters = 1 << 12;

const char* arrayName(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: return "Int8Array";
    case napi_uint8_array: return "Uint8Array";
    case napi_uint8_clamped_array: return "Uint8ClampedArray";
    case napi_int16_array: return "Int16Array";
    case napi_uint16_array: return "Uint16Array";
    case napi_int32_array: return "Int32Array";
    case napi_uint32_array: return "Uint32Array";
    case napi_float32_array: return "Float32Array";
    case napi_float64_array: return "Float64Array";
    case napi_bigint64_array: return "BigInt64Array";
    case napi_biguint64_array: return "BigUint64Array";
    default: return "another typed array";
  }
}

size_t elementBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: return 1;
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: return 8;
    default: return 4;
  }
}

}  // namespace

Napi::Object object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) fail(code::kType, what, " must be an object");
  return value.As<Napi::Object>();
}

Napi::Array list(const Napi::Value& value, const char* what) {
  if (!value.IsArray()) fail(code::kType, what, " must be an array");
  Napi::Array array = value.As<Napi::Array>();
  if (array.Length() > kMaxEntries)
    fail(code::kRange, what, " has ", array.Length(), " entries, at most ", kMaxEntries);
  return array;
}

double number(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) fail(code::kType, what, " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t integer(const Napi::Value& value, const char* what, int64_t low, int64_t high) {
  const double wanted = number(value, what);
  if (!(std::floor(wanted) == wanted) || wanted < static_cast<double>(low) || wanted > static_cast<double>(high)) {
    fail(code::kValue, what, " must be an integer from ", low, " to ", high, ", got ", wanted);
  }
  return static_cast<int64_t>(wanted);
}

std::string string(const Napi::Value& value, const char* what) {
  if (!value.IsString()) fail(code::kType, what, " must be a string");
  size_t characters = 0;
  napi_get_value_string_utf16(value.Env(), value, nullptr, 0, &characters);
  if (characters > kMaxCharacters) {
    fail(code::kRange, what, " has ", characters, " characters, at most ", kMaxCharacters);
  }
  return value.As<Napi::String>().Utf8Value();
}

bool boolean(const Napi::Value& value, const char* what) {
  if (!value.IsBoolean()) fail(code::kType, what, " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

bool present(const Napi::Object& from, const char* key) { return !from.Get(key).IsUndefined(); }

int64_t integerOr(const Napi::Object& from, const char* key, int64_t fallback, int64_t low, int64_t high) {
  return present(from, key) ? integer(from.Get(key), key, low, high) : fallback;
}

double numberOr(const Napi::Object& from, const char* key, double fallback) {
  return present(from, key) ? number(from.Get(key), key) : fallback;
}

bool flagOr(const Napi::Object& from, const char* key, bool fallback) {
  return present(from, key) ? boolean(from.Get(key), key) : fallback;
}

ArrayView anyArray(const Napi::Value& value, const char* what) {
  if (!value.IsTypedArray()) fail(code::kType, what, " must be a typed array");
  ArrayView view;
  napi_value buffer;
  size_t offset = 0;
  if (napi_get_typedarray_info(value.Env(), value, &view.type, &view.length, &view.data, &buffer, &offset) != napi_ok) {
    fail(code::kType, what, " is a typed array that cannot be read");
  }
  bool detached = false;
  napi_is_detached_arraybuffer(value.Env(), buffer, &detached);
  if (detached) fail(code::kDetached, what, " is over a detached ArrayBuffer (was it transferred to a worker?)");
  view.bytes = view.length * elementBytes(view.type);
  if (view.data == nullptr && view.bytes > 0) fail(code::kDetached, what, " has no memory behind it");
  return view;
}

ArrayView typedArray(const Napi::Value& value, napi_typedarray_type type, const char* what) {
  const ArrayView view = anyArray(value, what);
  if (view.type != type) fail(code::kType, what, " must be a ", arrayName(type), ", got a ", arrayName(view.type));
  return view;
}

std::vector<int32_t> int32s(const Napi::Value& value, const char* what) {
  const ArrayView view = typedArray(value, napi_int32_array, what);
  const auto* data = static_cast<const int32_t*>(view.data);
  return {data, data + view.length};
}

std::vector<float> floats(const Napi::Value& value, const char* what) {
  const ArrayView view = typedArray(value, napi_float32_array, what);
  const auto* data = static_cast<const float*>(view.data);
  return {data, data + view.length};
}

DType dtype(const Napi::Value& value, const char* what) {
  const std::string name = string(value, what);
  for (DType type : {DType::f32, DType::u8, DType::i32}) {
    if (name == dtypeName(type)) return type;
  }
  fail(code::kValue, what, " must be one of f32, u8, i32, got '", name, "'");
}

}  // namespace cugru
