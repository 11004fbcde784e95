#include "core/error.h"
#include "core/ops/schema.h"
#include "core/ops/sequence.h"

namespace cugru {

RearrangeDesc rearrangeDesc(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  RearrangeDesc rearrange;
  rearrange.from = inputSpec(desc, 0, "x");
  if (!desc.outputs[0]) fail(code::kGraph, desc.name, " (rearrange): its output is not used");
  rearrange.to = *desc.outputs[0];
  rearrange.batch = desc.batch;
  const TensorSpec &from = rearrange.from, &to = rearrange.to;
  if (from.dtype != DType::f32 || to.dtype != DType::f32) {
    fail(code::kType, desc.name, " (rearrange) expects f32, got ", from.describe(), " and ", to.describe());
  }
  const int64_t source = from.rowElements(), wanted = to.rowElements();
  if (!desc.attrs.has("map")) {
    if (source == wanted) return rearrange;
    fail(code::kShape, desc.name, " (rearrange): ", from.describe(), " has ", source, " elements a row, ",
         to.describe(), " has ", wanted);
  }
  rearrange.map = desc.attrs.indices("map");
  if (static_cast<int64_t>(rearrange.map->size()) != wanted) {
    fail(code::kShape, desc.name, " (rearrange): the map has ", rearrange.map->size(), " entries, a row of ",
         to.describe(), " has ", wanted, " elements");
  }
  for (int32_t entry : *rearrange.map) {
    if (entry >= -1 && entry < source) continue;
    fail(code::kRange, desc.name, " (rearrange): map entry ", entry, " is outside of a row of ", from.describe(),
         ", which has ", source, " elements");
  }
  return rearrange;
}

ConcatDesc concatDesc(const OpDesc& desc) {
  expectCounts(desc, 2, kMaxConcat, 1);
  TensorSpec out = inputSpec(desc, 0, "part");
  if (out.dtype != DType::f32 || out.dims.empty()) {
    fail(code::kShape, desc.name, " (concat) expects [batch, ..., features] f32, got ", out.describe());
  }
  ConcatDesc concat;
  for (size_t i = 0; i < desc.inputs.size(); ++i) {
    const TensorSpec& part = inputSpec(desc, i, "part");
    TensorSpec alike = *desc.inputs[0];
    if (!part.dims.empty()) alike.dims.back() = part.dims.back();
    expectSpec(desc, part, alike, "each part as the first but for its last axis,");
    concat.widths.push_back(part.dims.back());
    concat.width = concat.width + part.dims.back();
  }
  if (concat.width < 1) fail(code::kShape, desc.name, " (concat): nothing to put side by side");
  out.dims.back() = concat.width;
  expectSpec(desc, desc.outputs[0], out, "output");
  const int64_t elements = out.elements(desc.batch);  // bounds what follows
  concat.positions = elements / concat.width;
  return concat;
}

std::vector<ParamSpec> checkRearrange(const OpDesc& desc) { return rearrangeDesc(desc), std::vector<ParamSpec>{}; }
std::vector<ParamSpec> checkConcat(const OpDesc& desc) { return concatDesc(desc), std::vector<ParamSpec>{}; }

}  // namespace cugru
