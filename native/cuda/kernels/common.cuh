// What all kernels share. CUDA C++ with no header of NVIDIA's or of the standard library: NVRTC compiles it at run time, and
// host_shim.h lets a host compiler do so for the simulated device. Compiled without contraction into fused multiply-adds, so
// that sums and products are those of the CPU backend.
#pragma once

using u8 = unsigned char;
using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

#define CUGRU_KERNEL extern "C" __global__ void

constexpr int kWarp = 32;
constexpr u32 kAllLanes = 0xffffffffu;

// core/step_control.h
struct StepControl {
  u64 seed;
  u64 step;
  i64 firstRow;
  i32 validRows;
  float learningRate;
  float gradientScale;
  i32 epoch;
};
static_assert(sizeof(StepControl) == 40, "as in core/step_control.h");

// core/backend.h: the counts of a confusion matrix follow it.
struct LossMetrics {
  double lossSum;
  i64 rows;
  i64 correct;
};
static_assert(sizeof(LossMetrics) == 24, "as in core/backend.h");

// core/backend.h
struct UpdateReport {
  float gradientNorm;
  i32 skipped;
  i32 overflowed;
};

// loss_scale.h: the factor of gradients on their way through float16.
struct LossScaleState {
  float scale, inverse;
  float zero, one;
  i32 good;     // updates since it was last changed
  i32 leftOut;  // updates in all that overflowed
  i32 used;     // whether anything runs in float16
  i32 reserved[9];
};
static_assert(sizeof(LossScaleState) == 64, "as in loss_scale.h");

// A flat loop over `count` elements by the whole grid.
__device__ inline i64 gridIndex() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 gridStride() { return (i64)gridDim.x * blockDim.x; }

// With a warp for each row: its number.
__device__ inline i64 warpRow() { return (i64)blockIdx.x * blockDim.y + threadIdx.y; }

// Valid steps of a row; `lengths` null: all.
__device__ inline i64 stepsOf(const i32* lengths, i64 row, i64 steps) { return lengths ? lengths[row] : steps; }

__device__ inline i64 least(i64 a, i64 b) { return a < b ? a : b; }

__device__ inline bool isFinite(double x) { return x - x == 0.0; }

// ---- 16-bit numbers, as bits

using u16 = unsigned short;
// How numbers lie in memory: precision.h counts them so.
constexpr i32 kFloat32 = 0, kFloat16 = 1, kBfloat16 = 2;

__device__ inline u32 bitsOf(float x) { return __float_as_uint(x); }
__device__ inline float floatOf(u32 bits) { return __uint_as_float(bits); }

// To the nearest, ties to even.
__device__ inline u16 toBfloat16(float x) {
  const u32 bits = bitsOf(x);
  if (x != x) return 0x7fc0;
  return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
__device__ inline float fromBfloat16(u16 x) { return floatOf((u32)x << 16); }

__device__ inline u16 toFloat16(float x) {
#ifdef __CUDA_ARCH__
  u16 out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(x));
  return out;
#else
  const u32 bits = bitsOf(x), sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return 0x7e00;
  if (size >= 0x477ff000u) return (u16)(sign | 0x7c00u);  // from 65520 on: infinity
  if (size < 0x38800000u) {                               // below 2^-14: in steps of 2^-24
    const float steps = floatOf(size) * 16777216.0f, whole = steps + 12582912.0f - 12582912.0f;
    return (u16)(sign | (u32)whole);
  }
  const u32 rounded = size + 0xfffu + ((size >> 13) & 1u);
  return (u16)(sign | ((rounded >> 13) - (112u << 10)));
#endif
}
__device__ inline float fromFloat16(u16 x) {
#ifdef __CUDA_ARCH__
  float out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(x));
  return out;
#else
  const u32 sign = ((u32)x & 0x8000u) << 16, exponent = (x >> 10) & 31u, fraction = x & 0x3ffu;
  if (exponent == 0) {
    const float size = (float)fraction * 5.9604644775390625e-8f;
    return sign ? -size : size;
  }
  if (exponent == 31) return floatOf(sign | 0x7f800000u | (fraction << 13));
  return floatOf(sign | ((exponent + 112u) << 23) | (fraction << 13));
#endif
}

__device__ inline float loadAs(const void* from, i64 at, i32 type) {
  if (type == kFloat32) return ((const float*)from)[at];
  const u16 bits = ((const u16*)from)[at];
  return type == kFloat16 ? fromFloat16(bits) : fromBfloat16(bits);
}
__device__ inline void storeAs(void* to, i64 at, i32 type, float x) {
  if (type == kFloat32) {
    ((float*)to)[at] = x;
  } else {
    ((u16*)to)[at] = type == kFloat16 ? toFloat16(x) : toBfloat16(x);
  }
}

__device__ inline float warpMax(float x) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, x, step);
    x = other > x ? other : x;
  }
  return x;
}

template <typename T>
__device__ inline T warpSum(T x) {
  for (int step = kWarp / 2; step > 0; step /= 2) x += __shfl_xor_sync(kAllLanes, x, step);
  return x;
}

// The sum over a block of `kThreads`, in one fixed order; every thread gets it. A power of two of threads.
template <int kThreads, typename T>
__device__ inline T blockSum(T x, T* shared) {
  const int thread = threadIdx.x;
  __syncthreads();
  shared[thread] = x;
  for (int step = kThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (thread < step) shared[thread] += shared[thread + step];
  }
  __syncthreads();
  return shared[0];
}

// core/philox.h: the same numbers.
struct Philox4 {
  u32 v[4];
};

__device__ inline Philox4 philoxBlock(u64 seed, u32 opId, u64 step, u64 block) {
  u32 c0 = (u32)block, c1 = (u32)(block >> 32), c2 = opId, c3 = (u32)step;
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const u64 p0 = (u64)0xD2511F53u * c0;
    const u64 p1 = (u64)0xCD9E8D57u * c2;
    const u32 n0 = (u32)(p1 >> 32) ^ c1 ^ k0;
    const u32 n2 = (u32)(p0 >> 32) ^ c3 ^ k1;
    c1 = (u32)p1;
    c3 = (u32)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

__device__ inline float uniform01(u32 bits) { return (float)(bits >> 8) * 5.9604644775390625e-8f; }
