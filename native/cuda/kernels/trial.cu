// Before an algorithm is believed: numbers to try it on, and how far its results are from those of another.
#include "common.cuh"

constexpr int kTrialThreads = 256;

// Uniform in [-size, size), a block of Philox for four numbers.
CUGRU_KERNEL trial_noise(void* out, i64 elements, i32 type, u64 seed, float size) {
  for (i64 block = gridIndex(); block < (elements + 3) / 4; block += gridStride()) {
    const Philox4 random = philoxBlock(seed, 0, 0, (u64)block);
    for (int j = 0; j < 4 && 4 * block + j < elements; ++j) {
      storeAs(out, 4 * block + j, type, size * (2.0f * uniform01(random.v[j]) - 1.0f));
    }
  }
}

// parts[block]: the sum of (got - wanted)^2; parts[blocks + block]: of wanted^2. A number that is none makes its sum none.
CUGRU_KERNEL trial_distance(const void* got, const void* wanted, i64 elements, i32 type, double* parts) {
  __shared__ double sums[kTrialThreads];
  double distance = 0.0, size = 0.0;
  for (i64 i = gridIndex(); i < elements; i += gridStride()) {
    const double a = loadAs(got, i, type), b = loadAs(wanted, i, type);
    distance += (a - b) * (a - b);
    size += b * b;
  }
  distance = blockSum<kTrialThreads>(distance, sums);
  size = blockSum<kTrialThreads>(size, sums);
  if (threadIdx.x != 0) return;
  parts[blockIdx.x] = distance;
  parts[gridDim.x + blockIdx.x] = size;
}
