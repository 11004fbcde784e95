// Pooling of images, channels last, and the margins that cuDNN has no words for. One thread for each element; gradients are gathered
// in the order of the windows, so nothing is added by atomics.
#include "common.cuh"

// As in cuda/pool2d.cc.
struct Pooling {
  i64 images, height, width, channels, outHeight, outWidth;
  i64 poolHeight, poolWidth, strideY, strideX, padTop, padLeft;
};

struct Place {
  i64 image, y, x, channel;
};

__device__ inline Place placeOf(i64 i, i64 height, i64 width, i64 channels) {
  const i64 channel = i % channels, pixel = i / channels;
  return {pixel / (height * width), pixel / width % height, pixel % width, channel};
}

__device__ inline i64 most(i64 a, i64 b) { return a > b ? a : b; }

// Pixels [y0, y1) x [x0, x1) of the image that a window has.
struct Window {
  i64 y0, y1, x0, x1;
};

__device__ inline Window windowOf(const Pooling& p, i64 oy, i64 ox) {
  const i64 y = oy * p.strideY - p.padTop, x = ox * p.strideX - p.padLeft;
  return {most(0, y), least(p.height, y + p.poolHeight), most(0, x), least(p.width, x + p.poolWidth)};
}

// Windows [first, last] along one axis that have a place.
__device__ inline i64 firstWindow(i64 at, i64 pad, i64 size, i64 stride) {
  const i64 from = at + pad - size + 1;
  return from <= 0 ? 0 : (from + stride - 1) / stride;
}
__device__ inline i64 lastWindow(i64 at, i64 pad, i64 stride, i64 count) {
  return least((at + pad) / stride, count - 1);
}

// places: pixel within the image. A NaN is taken, and stays.
CUGRU_KERNEL max_pool(const float* x, float* y, i64* places, Pooling p) {
  const i64 elements = p.images * p.outHeight * p.outWidth * p.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, p.outHeight, p.outWidth, p.channels);
    const Window w = windowOf(p, at.y, at.x);
    const float* image = x + at.image * p.height * p.width * p.channels + at.channel;
    i64 place = w.y0 * p.width + w.x0;
    float best = image[place * p.channels];
    for (i64 row = w.y0; row < w.y1; ++row) {
      for (i64 column = w.x0; column < w.x1; ++column) {
        const i64 pixel = row * p.width + column;
        const float value = image[pixel * p.channels];
        if (!(value > best || value != value)) continue;
        best = value;
        place = pixel;
      }
    }
    y[i] = best;
    if (places) places[i] = place;
  }
}

CUGRU_KERNEL max_pool_gradient(const float* dy, const i64* places, float* dx, Pooling p) {
  const i64 elements = p.images * p.height * p.width * p.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, p.height, p.width, p.channels);
    const i64 lastY = lastWindow(at.y, p.padTop, p.strideY, p.outHeight);
    const i64 lastX = lastWindow(at.x, p.padLeft, p.strideX, p.outWidth);
    float sum = 0.0f;
    for (i64 oy = firstWindow(at.y, p.padTop, p.poolHeight, p.strideY); oy <= lastY; ++oy) {
      for (i64 ox = firstWindow(at.x, p.padLeft, p.poolWidth, p.strideX); ox <= lastX; ++ox) {
        const i64 out = ((at.image * p.outHeight + oy) * p.outWidth + ox) * p.channels + at.channel;
        if (places[out] == at.y * p.width + at.x) sum += dy[out];
      }
    }
    dx[i] = sum;
  }
}

CUGRU_KERNEL avg_pool(const float* x, float* y, Pooling p) {
  const i64 elements = p.images * p.outHeight * p.outWidth * p.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, p.outHeight, p.outWidth, p.channels);
    const Window w = windowOf(p, at.y, at.x);
    const float* image = x + at.image * p.height * p.width * p.channels + at.channel;
    float sum = 0.0f;
    for (i64 row = w.y0; row < w.y1; ++row) {
      for (i64 column = w.x0; column < w.x1; ++column) sum += image[(row * p.width + column) * p.channels];
    }
    y[i] = sum * (1.0f / (float)((w.y1 - w.y0) * (w.x1 - w.x0)));
  }
}

CUGRU_KERNEL avg_pool_gradient(const float* dy, float* dx, Pooling p) {
  const i64 elements = p.images * p.height * p.width * p.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, p.height, p.width, p.channels);
    const i64 lastY = lastWindow(at.y, p.padTop, p.strideY, p.outHeight);
    const i64 lastX = lastWindow(at.x, p.padLeft, p.strideX, p.outWidth);
    float sum = 0.0f;
    for (i64 oy = firstWindow(at.y, p.padTop, p.poolHeight, p.strideY); oy <= lastY; ++oy) {
      for (i64 ox = firstWindow(at.x, p.padLeft, p.poolWidth, p.strideX); ox <= lastX; ++ox) {
        const Window w = windowOf(p, oy, ox);
        const float share = 1.0f / (float)((w.y1 - w.y0) * (w.x1 - w.x0));
        sum += dy[((at.image * p.outHeight + oy) * p.outWidth + ox) * p.channels + at.channel] * share;
      }
    }
    dx[i] = sum;
  }
}

// As in cuda/conv2d.cc: an image and the same with a margin of zeros.
struct Margin {
  i64 images, height, width, channels, top, left, outHeight, outWidth;
};

CUGRU_KERNEL add_margin(const float* x, float* y, Margin m) {
  const i64 elements = m.images * m.outHeight * m.outWidth * m.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, m.outHeight, m.outWidth, m.channels);
    const i64 row = at.y - m.top, column = at.x - m.left;
    const bool inside = row >= 0 && row < m.height && column >= 0 && column < m.width;
    y[i] = inside ? x[((at.image * m.height + row) * m.width + column) * m.channels + at.channel] : 0.0f;
  }
}

CUGRU_KERNEL drop_margin(const float* y, float* x, Margin m) {
  const i64 elements = m.images * m.height * m.width * m.channels;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const Place at = placeOf(i, m.height, m.width, m.channels);
    x[i] = y[((at.image * m.outHeight + at.y + m.top) * m.outWidth + at.x + m.left) * m.channels + at.channel];
  }
}
