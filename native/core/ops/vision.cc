#include "core/ops/vision.h"

#include "core/error.h"
#include "core/ops/schema.h"

namespace cugru {

namespace {

constexpr int64_t kMaxWindow = 1 << 12;
constexpr int64_t kMaxFilters = 1 << 20;

// [steps?, batch, H, W, C] f32.
const TensorSpec& imageSpec(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  const TensorSpec& x = inputSpec(desc, 0, "x");
  const bool image = x.dtype == DType::f32 && x.dims.size() == 3 && x.dims[0] > 0 && x.dims[1] > 0 && x.dims[2] > 0;
  if (!image) {
    fail(code::kShape, desc.name, " (", desc.op, ") expects images [batch, height, width, channels] f32, got ",
         x.describe());
  }
  return x;
}

int64_t imagesOf(const OpDesc& desc, const TensorSpec& x) {
  return checkedMul(x.rowsOf(desc.batch), x.steps > 0 ? x.steps : 1, desc.name.c_str());
}

// Kernels may multiply what a desc holds without checks: a padded image, and its batch, are counted here.
Window2d window(const OpDesc& desc, const TensorSpec& x, const char* height, const char* width) {
  const Attributes& attrs = desc.attrs;
  Window2d w;
  w.inHeight = x.dims[0];
  w.inWidth = x.dims[1];
  w.height = attrs.integer(height, 1, kMaxWindow);
  w.width = attrs.integer(width, 1, kMaxWindow);
  w.strideY = attrs.integerOr("strideY", 1, 1, kMaxWindow);
  w.strideX = attrs.integerOr("strideX", 1, 1, kMaxWindow);
  w.dilationY = attrs.integerOr("dilationY", 1, 1, kMaxWindow);
  w.dilationX = attrs.integerOr("dilationX", 1, 1, kMaxWindow);
  w.padTop = attrs.integerOr("padTop", 0, 0, kMaxWindow * kMaxWindow);
  w.padBottom = attrs.integerOr("padBottom", 0, 0, kMaxWindow * kMaxWindow);
  w.padLeft = attrs.integerOr("padLeft", 0, 0, kMaxWindow * kMaxWindow);
  w.padRight = attrs.integerOr("padRight", 0, 0, kMaxWindow * kMaxWindow);
  const int64_t roomY = w.inHeight + w.padTop + w.padBottom, roomX = w.inWidth + w.padLeft + w.padRight;
  if (w.spanY() > roomY || w.spanX() > roomX) {
    fail(code::kShape, desc.name, " (", desc.op, "): a window of ", w.spanY(), " x ", w.spanX(),
         " pixels is larger than the image of ", roomY, " x ", roomX, " (with its padding) in ", x.describe(),
         "; use a smaller one, or padding 'same'");
  }
  w.outHeight = (roomY - w.spanY()) / w.strideY + 1;
  w.outWidth = (roomX - w.spanX()) / w.strideX + 1;
  checkedMul(checkedMul(roomY, roomX, desc.name.c_str()), x.dims[2], desc.name.c_str());
  return w;
}

TensorSpec outputOf(const TensorSpec& x, const Window2d& w, int64_t channels) {
  TensorSpec out = x;
  out.dims = {w.outHeight, w.outWidth, channels};
  return out;
}

const TensorSpec& normalized(const OpDesc& desc) {
  expectCounts(desc, 1, 1, 1);
  const TensorSpec& x = inputSpec(desc, 0, "x");
  if (x.dtype != DType::f32 || x.dims.empty() || x.dims.back() < 1) {
    fail(code::kShape, desc.name, " (", desc.op, ") expects [batch, ..., features] f32, got ", x.describe());
  }
  expectSpec(desc, desc.outputs[0], x, "output");
  return x;
}

float epsilonOf(const OpDesc& desc) { return static_cast<float>(desc.attrs.numberOr("epsilon", 1e-5, 1e-30, 1e30)); }

}  // namespace

Conv2dDesc conv2dDesc(const OpDesc& desc) {
  const TensorSpec& x = imageSpec(desc);
  Conv2dDesc conv;
  conv.window = window(desc, x, "kernelHeight", "kernelWidth");
  conv.images = imagesOf(desc, x);
  conv.channels = x.dims[2];
  conv.filters = desc.attrs.integer("filters", 1, kMaxFilters);
  conv.activation = activation(desc.attrs.stringOr("activation", "linear"));
  conv.hasBias = desc.attrs.flagOr("useBias", true);
  const TensorSpec out = outputOf(x, conv.window, conv.filters);
  expectSpec(desc, desc.outputs[0], out, "output");
  out.elements(desc.batch);
  checkedMul(checkedMul(conv.window.taps(), conv.channels, desc.name.c_str()), conv.filters, desc.name.c_str());
  return conv;
}

std::vector<ParamSpec> checkConv2d(const OpDesc& desc) {
  const Conv2dDesc conv = conv2dDesc(desc);
  std::vector<ParamSpec> params{{"weight", {conv.filters, conv.channels, conv.window.height, conv.window.width}}};
  if (conv.hasBias) params.push_back({"bias", {conv.filters}});
  return params;
}

Pool2dDesc pool2dDesc(const OpDesc& desc) {
  const TensorSpec& x = imageSpec(desc);
  for (const char* dilation : {"dilationY", "dilationX"}) {
    if (desc.attrs.has(dilation)) fail(code::kValue, desc.name, " (", desc.op, ") has no ", dilation);
  }
  Pool2dDesc pool;
  pool.window = window(desc, x, "poolHeight", "poolWidth");
  const Window2d& w = pool.window;
  if (w.padTop >= w.height || w.padBottom >= w.height || w.padLeft >= w.width || w.padRight >= w.width) {
    fail(code::kValue, desc.name, " (", desc.op, "): the padding must be below the pool's size of ", w.height, " x ",
         w.width, ", so that every window has a pixel");
  }
  pool.images = imagesOf(desc, x);
  pool.channels = x.dims[2];
  const TensorSpec out = outputOf(x, w, pool.channels);
  expectSpec(desc, desc.outputs[0], out, "output");
  out.elements(desc.batch);
  return pool;
}

std::vector<ParamSpec> checkPool2d(const OpDesc& desc) { return pool2dDesc(desc), std::vector<ParamSpec>{}; }

LayerNormDesc layerNormDesc(const OpDesc& desc) {
  const TensorSpec& x = normalized(desc);
  LayerNormDesc norm;
  norm.features = x.dims.back();
  norm.rows = checkedMul(imagesOf(desc, x), x.features() / norm.features, desc.name.c_str());
  norm.epsilon = epsilonOf(desc);
  return norm;
}

std::vector<ParamSpec> checkLayerNorm(const OpDesc& desc) {
  const int64_t features = layerNormDesc(desc).features;
  return {{"weight", {features}}, {"bias", {features}}};
}

BatchNormDesc batchNormDesc(const OpDesc& desc) {
  const TensorSpec& x = normalized(desc);
  BatchNormDesc norm;
  norm.steps = x.steps > 0 ? x.steps : 1;
  norm.batch = desc.batch;
  norm.channels = x.dims.back();
  norm.positions = checkedMul(x.rows, x.features() / norm.channels, desc.name.c_str());
  checkedMul(checkedMul(norm.steps, norm.batch, desc.name.c_str()), norm.positions, desc.name.c_str());
  norm.epsilon = epsilonOf(desc);
  norm.momentum = static_cast<float>(desc.attrs.numberOr("momentum", 0.1, 0, 1));
  norm.training = desc.training;
  return norm;
}

std::vector<ParamSpec> checkBatchNorm(const OpDesc& desc) {
  const int64_t channels = batchNormDesc(desc).channels;
  return {{"weight", {channels}}, {"bias", {channels}}};
}

std::vector<ParamSpec> batchNormBuffers(const OpDesc& desc) {
  const int64_t channels = batchNormDesc(desc).channels;
  return {{"running_mean", {channels}}, {"running_var", {channels}}};
}

}  // namespace cugru
