#include "core/op_desc.h"

namespace cugru {

int64_t ParamSpec::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape) count = checkedMul(count, dim, name.c_str());
  return count;
}

}  // namespace cugru
