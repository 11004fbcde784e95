// The numbers of a step, from the list of its run.
#include "common.cuh"

constexpr int kWords = sizeof(StepControl) / sizeof(u64);
static_assert(sizeof(StepControl) % sizeof(u64) == 0, "it is copied by words");

// One block of a warp.
CUGRU_KERNEL take_control(StepControl* control, const StepControl* run, i64* next) {
  const i64 at = *next;
  __syncthreads();
  const int word = threadIdx.x;
  if (word < kWords) ((u64*)control)[word] = ((const u64*)(run + at))[word];
  if (word == 0) *next = at + 1;
}
