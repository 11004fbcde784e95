#include "core/tensor.h"

#include "core/error.h"

namespace cugru {

namespace {
constexpr int64_t kMaxElements = int64_t{1} << 46;
}

const char* dtypeName(DType type) {
  switch (type) {
    case DType::f32: return "f32";
    case DType::u8: return "u8";
    case DType::i32: return "i32";
  }
  return "?";
}

int64_t checkedMul(int64_t a, int64_t b, const char* what) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) || product > kMaxElements) {
    fail(code::kRange, what, ": ", a, " x ", b, " elements are more than any tensor may have");
  }
  return product;
}

int64_t TensorSpec::features() const {
  int64_t count = 1;
  for (int64_t dim : dims) count = checkedMul(count, dim, "tensor");
  return count;
}

int64_t TensorSpec::rowElements() const {
  return checkedMul(checkedMul(features(), rows, "tensor"), steps > 0 ? steps : 1, "tensor");
}

int64_t TensorSpec::rowsOf(int64_t batch) const { return checkedMul(batch, rows, "tensor"); }

int64_t TensorSpec::elements(int64_t batch) const { return checkedMul(rowElements(), batch, "tensor"); }

size_t TensorSpec::bytes(int64_t batch) const { return static_cast<size_t>(elements(batch)) * dtypeBytes(dtype); }

std::string TensorSpec::describe() const {
  std::string out = "[batch";
  if (steps > 0) out += text(", steps=", steps);
  if (rows != 1) out += text(", rows=", rows);
  for (int64_t dim : dims) out += text(", ", dim);
  return out + "] " + dtypeName(dtype);
}

bool operator==(const TensorSpec& a, const TensorSpec& b) {
  return a.dtype == b.dtype && a.steps == b.steps && a.dims == b.dims && a.rows == b.rows;
}

}  // namespace cugru
