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
};

// A flat loop over `count` elements by the whole grid.
__device__ inline i64 gridIndex() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 gridStride() { return (i64)gridDim.x * blockDim.x; }

// With a warp for each row: its number.
__device__ inline i64 warpRow() { return (i64)blockIdx.x * blockDim.y + threadIdx.y; }

// Valid steps of a row; `lengths` null: all.
__device__ inline i64 stepsOf(const i32* lengths, i64 row, i64 steps) { return lengths ? lengths[row] : steps; }

__device__ inline i64 least(i64 a, i64 b) { return a < b ? a : b; }

__device__ inline bool isFinite(double x) { return x - x == 0.0; }

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
