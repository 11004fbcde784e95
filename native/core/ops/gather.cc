#include "core/error.h"
#include "core/ops/ops.h"
#include "core/ops/schema.h"

namespace cugru {

GatherDesc gatherDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 2, 1);
  GatherDesc gather;
  gather.slab = inputSpec(desc, 0, "slab");
  gather.picks = desc.inputs.size() > 1 && desc.inputs[1];
  if (gather.picks) {
    expectSpec(desc, desc.inputs[1], TensorSpec{DType::i32, 0, {}}, "indices");
  } else if (gather.slab.dtype != DType::f32) {
    fail(code::kType, desc.name, " (gather) without indices takes f32, got ", gather.slab.describe());
  } else if (!desc.inputGradient.empty() && desc.inputGradient[0]) {
    fail(code::kGraph, desc.name, " (gather) gives no gradient to its input");
  }
  if (!desc.outputs[0]) fail(code::kGraph, desc.name, " (gather): its output is not used");
  gather.out = *desc.outputs[0];
  gather.batch = desc.batch;
  gather.features = gather.out.features();
  gather.channels = desc.attrs.integerOr("channels", 1, 1, 1 << 16);
  gather.fill = static_cast<int32_t>(desc.attrs.integerOr("fill", 0, INT32_MIN, INT32_MAX));
  gather.normalizes = !desc.params.empty();
  const bool integers = gather.slab.dtype == DType::i32;
  if (gather.slab.steps != 0 || gather.slab.rows != 1)
    fail(code::kShape, desc.name, " (gather): a slab has one row axis");
  if (gather.out.rows != 1) fail(code::kShape, desc.name, " (gather) makes whole rows, got ", gather.out.describe());
  if ((gather.out.dtype == DType::i32) != integers || gather.out.dtype == DType::u8) {
    fail(code::kType, desc.name, " (gather) makes f32 from u8 or f32, i32 from i32; got ", gather.out.describe(),
         " from ", gather.slab.describe());
  }
  if (integers && gather.normalizes) fail(code::kGraph, desc.name, " (gather): integers are not normalised");
  const int64_t source = gather.slab.rowElements(), wanted = gather.out.rowElements();
  if (desc.attrs.has("map")) {
    gather.map = desc.attrs.indices("map");
    if (static_cast<int64_t>(gather.map->size()) != wanted) {
      fail(code::kShape, desc.name, " (gather): the map has ", gather.map->size(), " entries, the output row ", wanted);
    }
    for (int32_t entry : *gather.map) {
      if (entry < -1 || entry >= source) {
        fail(code::kRange, desc.name, " (gather): map entry ", entry, " is outside of a row of ", source);
      }
    }
  } else if (source != wanted) {
    fail(code::kShape, desc.name, " (gather): a slab row has ", source, " elements, the output row ", wanted);
  }
  return gather;
}

// Normalisation is optional; the Program passes the group's params when the node names a group.
std::vector<ParamSpec> checkGather(const OpDesc& desc) {
  const GatherDesc gather = gatherDesc(desc);
  if (!gather.normalizes) return {};
  return {{"mean", {gather.channels}}, {"std", {gather.channels}}};
}

}  // namespace cugru
