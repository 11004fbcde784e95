// Between float32 and 16-bit numbers, at the edges of operations that run in half precision.
#include "common.cuh"

// out[row][column] = x[row][column] * scale, with zeros from `columns` to `width`; scale: null for 1.
CUGRU_KERNEL narrow(const float* x, void* out, const LossScaleState* scale, i64 rows, i64 columns, i64 width,
                    i32 type) {
  const float factor = scale ? scale->scale : 1.0f;
  const i64 elements = rows * width;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / width, column = i - row * width;
    storeAs(out, i, type, column < columns ? x[row * columns + column] * factor : 0.0f);
  }
}

// out[row][column] = x[row][column] / scale for the first `columns` of `width`, or added to it.
CUGRU_KERNEL widen(const void* x, float* out, const LossScaleState* scale, i64 rows, i64 columns, i64 width, i32 type,
                   i32 adds) {
  const float factor = scale ? scale->inverse : 1.0f;
  const i64 elements = rows * columns;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / columns, column = i - row * columns;
    const float value = loadAs(x, row * width + column, type) * factor;
    out[i] = adds ? out[i] + value : value;
  }
}
