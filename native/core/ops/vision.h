// Operations on images and normalisation, in typed form; see ops.h. Images are [steps?, batch, height, width, channels], channels last;
// "position" is one element of all axes but the last.
#pragma once

#include <string>
#include <vector>

#include "core/op_desc.h"
#include "core/ops/ops.h"

namespace cugru {

// A window that slides over an image; what lies outside of the image is padding.
struct Window2d {
  int64_t inHeight = 0, inWidth = 0, outHeight = 0, outWidth = 0;
  int64_t height = 0, width = 0, strideY = 1, strideX = 1, dilationY = 1, dilationX = 1;
  int64_t padTop = 0, padBottom = 0, padLeft = 0, padRight = 0;
  int64_t spanY() const { return (height - 1) * dilationY + 1; }
  int64_t spanX() const { return (width - 1) * dilationX + 1; }
  int64_t taps() const { return height * width; }
  bool padded() const { return padTop + padBottom + padLeft + padRight > 0; }
};

// ---- conv2d: activation(cross-correlation + b), PyTorch's conv2d with channels last.
//   in   x [steps?, batch, H, W, C]   out [steps?, batch, H', W', filters],  H' = (H + pads - span) / stride + 1 (rounded down)
//   y[oy][ox][f] = sum over ky, kx, c of x[oy * strideY + ky * dilationY - padTop][...][c] * weight[f][c][ky][kx] + bias[f]
//   attrs filters, kernelHeight, kernelWidth, strideY? strideX? (1), padTop? padBottom? padLeft? padRight? (0),
//         dilationY? dilationX? (1), useBias? (true), activation? ('linear')
//   params weight (filters, C, kernelHeight, kernelWidth), bias? (filters)
struct Conv2dDesc {
  Window2d window;
  int64_t images = 0;  // steps * batch * rows
  int64_t channels = 0, filters = 0;
  Activation activation = Activation::linear;
  bool hasBias = true;
  int64_t depth() const { return window.taps() * channels; }
  int64_t inElements() const { return window.inHeight * window.inWidth * channels; }  // of an image
  int64_t outPixels() const { return window.outHeight * window.outWidth; }            // of an image
  int64_t positions() const { return images * outPixels(); }
};
Conv2dDesc conv2dDesc(const OpDesc& desc);
std::vector<ParamSpec> checkConv2d(const OpDesc& desc);

// ---- maxPool2d: the largest of each window; its gradient goes to the first one in raster order. A NaN shows.
// ---- avgPool2d: the mean of those pixels of each window that are in the image (count_include_pad=False).
//   in   x [steps?, batch, H, W, C]   out [steps?, batch, H', W', C]
//   attrs poolHeight, poolWidth, strideY? strideX? (1), padTop? padBottom? padLeft? padRight? (0), each below the pool's size
struct Pool2dDesc {
  Window2d window;
  int64_t images = 0, channels = 0;
  int64_t inElements() const { return window.inHeight * window.inWidth * channels; }
  int64_t outElements() const { return window.outHeight * window.outWidth * channels; }
};
Pool2dDesc pool2dDesc(const OpDesc& desc);
std::vector<ParamSpec> checkPool2d(const OpDesc& desc);

// ---- layerNorm: (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis; the variance is biased.
//   in, out [steps?, batch, ..., features]   attrs epsilon? (1e-5)   params weight, bias (features)
struct LayerNormDesc {
  int64_t rows = 0, features = 0;
  float epsilon = 0;
};
LayerNormDesc layerNormDesc(const OpDesc& desc);
std::vector<ParamSpec> checkLayerNorm(const OpDesc& desc);

// ---- batchNorm: the same for each channel (the last axis) over all positions of the batch.
//   in, out [steps?, batch, ..., channels]   attrs epsilon? (1e-5), momentum? (0.1)   params weight, bias (channels)
//   buffers running_mean, running_var (channels)
//   Training: mean and biased variance of the positions of the valid rows; running = (1 - momentum) * running + momentum * new,
//   the variance unbiased; what is not finite stays out of the buffers. Otherwise the buffers stand for mean and variance.
struct BatchNormDesc {
  int64_t steps = 1, batch = 0;  // blocks of `batch` rows; in each, those below validRows count
  int64_t positions = 0;         // of a batch row of a step
  int64_t channels = 0;
  float epsilon = 0, momentum = 0;
  bool training = false;
  int64_t rows() const { return steps * batch * positions; }
};
BatchNormDesc batchNormDesc(const OpDesc& desc);
std::vector<ParamSpec> checkBatchNorm(const OpDesc& desc);
std::vector<ParamSpec> batchNormBuffers(const OpDesc& desc);

}  // namespace cugru
