// Operations that move elements about or go over the steps of a sequence. A sequence is [steps][rows][features], `rows` of all batch
// rows; `lengths` null: all steps are valid. Sums are in one fixed order.
#include "common.cuh"

// Chunks: elements of one step of a batch row, which lie together.
struct RearrangeShape {
  i64 batch;
  i64 fromChunk, toChunk;
};

__device__ inline i64 stepsOf(const i32* lengths, i64 row, i64 steps) { return lengths ? lengths[row] : steps; }

// The place in a row's canonical order of element i of memory; `row` is set to its batch row.
__device__ inline i64 canonical(i64 i, i64 chunk, i64 batch, i64* row) {
  const i64 step = i / (batch * chunk), rest = i - step * batch * chunk;
  *row = rest / chunk;
  return step * chunk + rest - *row * chunk;
}

__device__ inline i64 memoryPlace(i64 element, i64 chunk, i64 batch, i64 row) {
  const i64 step = element / chunk;
  return (step * batch + row) * chunk + element - step * chunk;
}

// y[b][e] = x[b][map[e]]; map null: identity.
CUGRU_KERNEL rearrange(const float* x, float* y, const i32* map, RearrangeShape s, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    i64 row;
    const i64 e = canonical(i, s.toChunk, s.batch, &row), from = map ? map[e] : e;
    y[i] = from < 0 ? 0.0f : x[memoryPlace(from, s.fromChunk, s.batch, row)];
  }
}

// dx[b][e] = the sum of dy[b][readers[i]], i from starts[e] to starts[e + 1]; starts null: dy[b][e].
CUGRU_KERNEL rearrange_backward(const float* dy, float* dx, const i32* starts, const i32* readers, RearrangeShape s,
                                i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    i64 row;
    const i64 e = canonical(i, s.fromChunk, s.batch, &row);
    if (!starts) {
      dx[i] = dy[memoryPlace(e, s.toChunk, s.batch, row)];
      continue;
    }
    float sum = 0.0f;
    for (i32 k = starts[e]; k < starts[e + 1]; ++k) sum += dy[memoryPlace(readers[k], s.toChunk, s.batch, row)];
    dx[i] = sum;
  }
}

constexpr int kMaxParts = 8;
struct Parts {
  const float* part[kMaxParts];
  i64 width[kMaxParts];
};
struct PartGradients {
  float* part[kMaxParts];
  i64 width[kMaxParts];
};

// Which part a column belongs to; the column becomes that within the part.
template <typename P>
__device__ inline int partOf(const P& parts, i64* column) {
  int k = 0;
  for (; k < kMaxParts - 1 && *column >= parts.width[k]; ++k) *column -= parts.width[k];
  return k;
}

CUGRU_KERNEL concat_parts(float* out, Parts parts, i64 width, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 position = i / width;
    i64 column = i - position * width;
    const int k = partOf(parts, &column);
    out[i] = parts.part[k][position * parts.width[k] + column];
  }
}

CUGRU_KERNEL concat_backward(const float* dy, PartGradients parts, i64 width, i64 elements) {
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 position = i / width;
    i64 column = i - position * width;
    const int k = partOf(parts, &column);
    if (parts.part[k]) parts.part[k][position * parts.width[k] + column] = dy[i];
  }
}

CUGRU_KERNEL reverse_steps(const float* from, float* to, const i32* lengths, i64 steps, i64 rows, i64 features) {
  const i64 step = rows * features, elements = steps * step;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 t = i / step, at = i - t * step, length = stepsOf(lengths, at / features, steps);
    to[i] = t < length ? from[(length - 1 - t) * step + at] : 0.0f;
  }
}

// core/ops/sequence.h
enum Reduction { kMean, kMax, kFirst, kLast };

// `best` (may be null): the step that each maximum is from; the first one, and a NaN wherever there is one.
CUGRU_KERNEL reduce_steps(const float* x, float* y, i32* best, const i32* lengths, i32 kind, i64 steps, i64 rows,
                          i64 features) {
  const i64 step = rows * features;
  for (i64 i = gridIndex(); i < step; i += gridStride()) {
    const i64 length = stepsOf(lengths, i / features, steps);
    float value = x[kind == kLast ? (length - 1) * step + i : i];
    i32 from = 0;
    for (i64 t = 1; t < length && kind <= kMax; ++t) {
      const float next = x[t * step + i];
      if (kind == kMean) {
        value += next;
      } else if (next > value || (next != next && value == value)) {
        value = next;
        from = (i32)t;
      }
    }
    y[i] = kind == kMean ? value * (1.0f / (float)length) : value;
    if (best) best[i] = from;
  }
}

CUGRU_KERNEL reduce_steps_backward(const float* dy, float* dx, const i32* best, const i32* lengths, i32 kind, i64 steps,
                                   i64 rows, i64 features) {
  const i64 step = rows * features, elements = steps * step;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 t = i / step, at = i - t * step, length = stepsOf(lengths, at / features, steps);
    if (kind == kMean) {
      dx[i] = t < length ? dy[at] * (1.0f / (float)length) : 0.0f;
      continue;
    }
    const i64 from = kind == kMax ? best[at] : kind == kFirst ? 0 : length - 1;
    dx[i] = t == from ? dy[at] : 0.0f;
  }
}

// A warp for each row: 1 + the last step with a feature that is not `value`, at least 1.
CUGRU_KERNEL trailing_lengths(const float* x, i32* lengths, float value, i64 steps, i64 rows, i64 features) {
  const i64 row = (i64)blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  i32 length = 1;
  for (i64 i = threadIdx.x; i < steps * features; i += kWarp) {
    const i64 t = i / features;
    if (x[(t * rows + row) * features + i - t * features] != value && t >= length) length = (i32)t + 1;
  }
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const i32 other = __shfl_xor_sync(kAllLanes, length, step);
    length = other > length ? other : length;
  }
  if (threadIdx.x == 0) lengths[row] = length;
}

CUGRU_KERNEL add_table(const float* x, float* y, const float* table, i64 steps, i64 rows, i64 features) {
  const i64 step = rows * features, elements = steps * step;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) y[i] = x[i] + table[i / step * features + i % features];
}

// One thread for each element of the table; rows from the first to the last.
CUGRU_KERNEL add_table_backward(const float* dy, float* dTable, i64 steps, i64 rows, i64 features) {
  for (i64 i = gridIndex(); i < steps * features; i += gridStride()) {
    const i64 t = i / features, f = i - t * features;
    float sum = 0.0f;
    for (i64 row = 0; row < rows; ++row) sum += dy[(t * rows + row) * features + f];
    dTable[i] += sum;
  }
}

CUGRU_KERNEL append_table(const float* x, float* y, const float* table, i64 steps, i64 rows, i64 features, i64 width) {
  const i64 wide = features + width, elements = steps * rows * wide;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / wide, column = i - row * wide;
    y[i] = column < features ? x[row * features + column] : table[row / rows * width + column - features];
  }
}

CUGRU_KERNEL append_table_backward(const float* dy, float* dx, i64 steps, i64 rows, i64 features, i64 width) {
  const i64 elements = steps * rows * features;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const i64 row = i / features;
    dx[i] = dy[row * (features + width) + i - row * features];
  }
}

// Into what is kept: rows of the batch that are padding stay as they were.
CUGRU_KERNEL state_write(const float* x, float* state, const StepControl* control, i64 rowsOfBatch, i64 steps, i64 rows,
                         i64 features) {
  const i64 step = rows * features, elements = steps * step, valid = control->validRows * rowsOfBatch;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    if (i % step / features < valid) state[i] = x[i];
  }
}
