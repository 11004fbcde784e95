// Convolutions, one product after the other, in double.
#include <cstring>

#include "core/problems.h"
#include "cudnn/convolution.h"

namespace simulated {

namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

// Of images, channels, height, width.
size_t placeIn(const TensorDescriptor& tensor, int image, int channel, int row, int column) {
  return static_cast<size_t>(image) * tensor.strides[0] + static_cast<size_t>(channel) * tensor.strides[1] +
         static_cast<size_t>(row) * tensor.strides[2] + static_cast<size_t>(column) * tensor.strides[3];
}

size_t placeIn(const FilterDescriptor& w, int filter, int channel, int row, int column) {
  if (w.format == CUDNN_TENSOR_NHWC) {
    return ((static_cast<size_t>(filter) * w.height + row) * w.width + column) * w.channels + channel;
  }
  return ((static_cast<size_t>(filter) * w.channels + channel) * w.height + row) * w.width + column;
}

bool channelsLast(const TensorDescriptor& t) {
  const int width = t.sizes[1], row = t.sizes[3] * width;
  return t.strides == std::vector<int>{t.sizes[2] * row, 1, row, width};
}

int sizeOfOutput(int in, int pad, int size, int stride, int dilation) {
  return (in + 2 * pad - (size - 1) * dilation - 1) / stride + 1;
}

// visit(place in x, place in w, place in y) for each product.
template <typename Visit>
void eachProduct(const ConvolutionCall& call, const Visit& visit) {
  const TensorDescriptor &x = call.x, &y = call.y;
  const FilterDescriptor& w = call.w;
  const ConvolutionDescriptor& c = call.convolution;
  for (int image = 0; image < y.sizes[0]; image++) {
    for (int oy = 0; oy < y.sizes[2]; oy++) {
      for (int ox = 0; ox < y.sizes[3]; ox++) {
        for (int ky = 0; ky < w.height; ky++) {
          const int row = oy * c.strideY - c.padY + ky * c.dilationY;
          if (row < 0 || row >= x.sizes[2]) continue;
          for (int kx = 0; kx < w.width; kx++) {
            const int column = ox * c.strideX - c.padX + kx * c.dilationX;
            if (column < 0 || column >= x.sizes[3]) continue;
            for (int channel = 0; channel < w.channels; channel++) {
              const size_t from = placeIn(x, image, channel, row, column);
              for (int filter = 0; filter < w.filters; filter++) {
                visit(from, placeIn(w, filter, channel, ky, kx), placeIn(y, image, filter, oy, ox));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace

size_t FilterDescriptor::count() const { return static_cast<size_t>(filters) * channels * height * width; }

size_t TensorDescriptor::count() const {
  size_t all = 1;
  for (const int size : sizes) all *= static_cast<size_t>(size);
  return all;
}

cudnnStatus_t checkConvolution(const TensorDescriptor& x, const FilterDescriptor& w, const ConvolutionDescriptor& c,
                               const TensorDescriptor& y) {
  if (!x.ready || !y.ready || !w.ready || !c.ready) return bad("a descriptor was not set");
  if (x.sizes.size() != 4 || y.sizes.size() != 4) return bad("images have 4 dimensions");
  if (x.type != CUDNN_DATA_FLOAT || w.type != x.type || y.type != x.type || c.computeType != CUDNN_DATA_FLOAT) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "only float convolutions are simulated");
  }
  if (c.mode != CUDNN_CROSS_CORRELATION)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "only cross-correlation is simulated");
  if (w.format != CUDNN_TENSOR_NHWC || !channelsLast(x) || !channelsLast(y)) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "only packed channels-last images and filters are simulated");
  }
  if (x.sizes[1] != w.channels) return bad("x has not the filters' channels");
  const std::vector<int> wanted{x.sizes[0], w.filters,
                                sizeOfOutput(x.sizes[2], c.padY, w.height, c.strideY, c.dilationY),
                                sizeOfOutput(x.sizes[3], c.padX, w.width, c.strideX, c.dilationX)};
  if (y.sizes != wanted) {
    return refuse(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                  join("y should be ", wanted[0], " x ", wanted[1], " x ", wanted[2], " x ", wanted[3]));
  }
  return CUDNN_STATUS_SUCCESS;
}

size_t convolutionWorkBytes(const TensorDescriptor& x, const FilterDescriptor& w, ConvolutionPass pass, unsigned algo) {
  const size_t jitter = (static_cast<size_t>(x.sizes[0]) * 31 + x.sizes[2] * 17 + w.filters * 7 + w.channels * 3) % 13;
  return 1004 + w.count() * 4 + jitter * 256 + algo * 132 + static_cast<size_t>(pass) * 52;
}

CUresult runConvolution(Context&, const ConvolutionCall& call) {
  const bool forward = call.pass == ConvolutionPass::forward, data = call.pass == ConvolutionPass::backwardData;
  std::memset(call.work, 0xFF, call.workBytes);
  const auto read = [](const void* from, size_t count) {
    return from != nullptr ? loadAll(Number::float32, from, count) : std::vector<double>();
  };
  const std::vector<double> x = read(call.xData, call.x.count()), w = read(call.wData, call.w.count());
  const std::vector<double> y = read(call.yData, call.y.count());
  std::vector<double> out(forward ? call.y.count() : data ? call.x.count() : call.w.count(), 0.0);
  eachProduct(call, [&](size_t xAt, size_t wAt, size_t yAt) {
    if (forward) {
      out[yAt] += x[xAt] * w[wAt];
    } else if (data) {
      out[xAt] += w[wAt] * y[yAt];
    } else {
      out[wAt] += x[xAt] * y[yAt];
    }
  });
  for (size_t i = 0; i < out.size(); i++) {
    const double before = call.beta == 0 ? 0.0 : call.beta * load(Number::float32, call.out, i);
    store(Number::float32, call.out, i, call.alpha * out[i] + before);
  }
  return CUDA_SUCCESS;
}

}  // namespace simulated
