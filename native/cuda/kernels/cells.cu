// The pointwise parts of the cells that cuDNN has not (equations: core/ops/ops.h), one step at a time, one thread for each unit of
// each row. blockIdx.y is the direction. A row that has ended keeps its states, gives zeros and gets no gradient, so that lengths are
// read here and nowhere else. Sums come from the products; biases are added here.
#include "common.cuh"

constexpr int kMostDirections = 2;

// One direction's step. What may be null: biasState, memory..., y, last, lastCell.
struct ForwardStep {
  float* gates;  // [batch][gates * units]
  const float *biasInput, *biasState;
  const float* stateBefore;  // this and all below but y [batch][units]
  float* state;
  const float* memoryBefore;
  float* memory;  // c, or r * h of gru-reset-before
  float* y;       // [batch][width]
  float *last, *lastCell;
  i64 step;
};
struct ForwardSteps {
  ForwardStep of[kMostDirections];
};

// What may be null: memoryBefore, memory, memoryCarry, dy. Gates are overwritten with their gradients.
struct BackwardStep {
  float* gates;
  const float *stateBefore, *memoryBefore, *memory;
  const float* dy;  // [batch][width]
  float *carry, *memoryCarry;
  i64 step;
};
struct BackwardSteps {
  BackwardStep of[kMostDirections];
};

struct StepShape {
  const i32* lengths;  // null: full
  i64 batch, units, gates, width;
};

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
// Slopes from the values; that of tanh keeps its accuracy near 1.
__device__ inline float sigmoidSlope(float s) { return s * (1.0f - s); }
__device__ inline float tanhSlope(float t) { return (1.0f - t) * (1.0f + t); }
// f * before + (1 - f) * g
__device__ inline float coupled(float f, float g, float before) { return fmaf(f, before - g, g); }

struct ForwardUnit {
  const ForwardStep& s;
  i64 units, unit, gateRow, at, yAt;  // gateRow: the first of this row's gates; at: in [batch][units]
  __device__ float sum(int gate) const {
    const i64 column = gate * units + unit;
    const float bias = s.biasState ? s.biasInput[column] + s.biasState[column] : s.biasInput[column];
    return s.gates[gateRow + column] + bias;
  }
  __device__ float kept(int gate) const { return s.gates[gateRow + gate * units + unit]; }
  __device__ void keep(int gate, float value) const { s.gates[gateRow + gate * units + unit] = value; }
  __device__ float state() const { return s.stateBefore[at]; }
  __device__ float memoryBefore() const { return s.memoryBefore[at]; }
  __device__ void setMemory(float value) const { s.memory[at] = value; }
  __device__ void setCell(float value) const {
    s.memory[at] = value;
    if (s.lastCell) s.lastCell[at] = value;
  }
  __device__ void setState(float value, float out) const {
    s.state[at] = value;
    if (s.y) s.y[yAt] = out;
    if (s.last) s.last[at] = value;
  }
  __device__ void setState(float value) const { setState(value, value); }
};

struct BackwardUnit {
  const BackwardStep& s;
  i64 units, unit, gateRow, at, yAt;
  __device__ float gate(int gate) const { return s.gates[gateRow + gate * units + unit]; }
  __device__ void give(int gate, float gradient) const { s.gates[gateRow + gate * units + unit] = gradient; }
  __device__ float state() const { return s.stateBefore[at]; }
  __device__ float memory() const { return s.memory[at]; }
  __device__ float memoryBefore() const { return s.memoryBefore[at]; }
  __device__ float carried() const { return s.carry[at]; }
  __device__ float stateGradient() const { return s.dy ? s.carry[at] + s.dy[yAt] : s.carry[at]; }
  __device__ float memoryGradient() const { return s.memoryCarry[at]; }
  __device__ void carry(float gradient) const { s.carry[at] = gradient; }
  __device__ void carryMemory(float gradient) const { s.memoryCarry[at] = gradient; }
};

struct CifgCell {  // f, g, o
  static constexpr int kGates = 3;
  __device__ static void forward(const ForwardUnit& u) {
    const float f = sigmoid(u.sum(0)), g = tanhf(u.sum(1)), o = sigmoid(u.sum(2));
    const float c = coupled(f, g, u.memoryBefore());
    u.keep(0, f);
    u.keep(1, g);
    u.keep(2, o);
    u.setCell(c);
    u.setState(o * tanhf(c));
  }
  __device__ static void ended(const ForwardUnit& u) {
    u.setCell(u.memoryBefore());
    u.setState(u.state(), 0.0f);
  }
  __device__ static void backward(const BackwardUnit& u) {
    const float f = u.gate(0), g = u.gate(1), o = u.gate(2), dh = u.stateGradient(), m = tanhf(u.memory());
    const float dc = fmaf(dh * o, tanhSlope(m), u.memoryGradient());
    u.give(0, dc * (u.memoryBefore() - g) * sigmoidSlope(f));
    u.give(1, dc * (1.0f - f) * tanhSlope(g));
    u.give(2, dh * m * sigmoidSlope(o));
    u.carry(0.0f);
    u.carryMemory(dc * f);
  }
};

struct LeakyCell {  // z, r, c
  static constexpr int kGates = 3;
  __device__ static void forward(const ForwardUnit& u) {
    const float z = sigmoid(u.sum(0)), r = sigmoid(u.sum(1)), g = tanhf(u.sum(2)), h = u.state();
    const float c = coupled(z, g, u.memoryBefore());
    u.keep(0, z);
    u.keep(1, r);
    u.keep(2, g);
    u.setCell(c);
    u.setState(fmaf(r, tanhf(c) - h, h));
  }
  __device__ static void ended(const ForwardUnit& u) { CifgCell::ended(u); }
  __device__ static void backward(const BackwardUnit& u) {
    const float z = u.gate(0), r = u.gate(1), g = u.gate(2), dh = u.stateGradient(), m = tanhf(u.memory());
    const float dc = fmaf(dh * r, tanhSlope(m), u.memoryGradient());
    u.give(0, dc * (u.memoryBefore() - g) * sigmoidSlope(z));
    u.give(1, dh * (m - u.state()) * sigmoidSlope(r));
    u.give(2, dc * (1.0f - z) * tanhSlope(g));
    u.carry(dh * (1.0f - r));
    u.carryMemory(dc * z);
  }
};

// gru-reset-before falls in two: r and z, then n, whose product needs r * h. Back, n and z come first, then r.
struct ResetGates {
  static constexpr int kGates = 1;  // those that backward gives
  __device__ static void forward(const ForwardUnit& u) {
    const float r = sigmoid(u.sum(0)), z = sigmoid(u.sum(1));
    u.keep(0, r);
    u.keep(1, z);
    u.setMemory(r * u.state());
  }
  __device__ static void ended(const ForwardUnit& u) { u.setMemory(0.0f); }
  __device__ static void backward(const BackwardUnit& u) {
    const float r = u.gate(0), d = u.memoryGradient();
    u.give(0, d * u.state() * sigmoidSlope(r));
    u.carry(fmaf(d, r, u.carried()));
  }
};

struct ResetCandidate {
  static constexpr int kGates = 3;
  __device__ static void forward(const ForwardUnit& u) {
    const float z = u.kept(1), n = tanhf(u.sum(2));
    u.keep(2, n);
    u.setState(coupled(z, n, u.state()));
  }
  __device__ static void ended(const ForwardUnit& u) { u.setState(u.state(), 0.0f); }
  __device__ static void backward(const BackwardUnit& u) {
    const float z = u.gate(1), n = u.gate(2), dh = u.stateGradient();
    u.give(1, dh * (u.state() - n) * sigmoidSlope(z));
    u.give(2, dh * (1.0f - z) * tanhSlope(n));
    u.carry(dh * z);
  }
};

// body(row, unit, at) for this thread's elements of [batch][units].
template <typename Body>
__device__ inline void eachUnit(const StepShape& shape, const Body& body) {
  for (i64 at = gridIndex(); at < shape.batch * shape.units; at += gridStride()) {
    const i64 row = at / shape.units;
    body(row, at - row * shape.units, at);
  }
}

template <typename Cell>
__device__ inline void forwardUnits(const ForwardStep& step, const StepShape& shape) {
  eachUnit(shape, [&](i64 row, i64 unit, i64 at) {
    const ForwardUnit u{step, shape.units, unit, row * shape.gates * shape.units, at, row * shape.width + unit};
    if (shape.lengths && step.step >= shape.lengths[row]) {
      Cell::ended(u);
    } else {
      Cell::forward(u);
    }
  });
}

template <typename Cell>
__device__ inline void backwardUnits(const BackwardStep& step, const StepShape& shape) {
  eachUnit(shape, [&](i64 row, i64 unit, i64 at) {
    const BackwardUnit u{step, shape.units, unit, row * shape.gates * shape.units, at, row * shape.width + unit};
    if (shape.lengths && step.step >= shape.lengths[row]) {  // carries pass as they are
      for (int gate = 0; gate < Cell::kGates; ++gate) u.give(gate, 0.0f);
    } else {
      Cell::backward(u);
    }
  });
}

CUGRU_KERNEL cifg_forward(ForwardSteps steps, StepShape shape) { forwardUnits<CifgCell>(steps.of[blockIdx.y], shape); }
CUGRU_KERNEL cifg_backward(BackwardSteps steps, StepShape shape) {
  backwardUnits<CifgCell>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL leaky_forward(ForwardSteps steps, StepShape shape) {
  forwardUnits<LeakyCell>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL leaky_backward(BackwardSteps steps, StepShape shape) {
  backwardUnits<LeakyCell>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL reset_gates_forward(ForwardSteps steps, StepShape shape) {
  forwardUnits<ResetGates>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL reset_gates_backward(BackwardSteps steps, StepShape shape) {
  backwardUnits<ResetGates>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL reset_candidate_forward(ForwardSteps steps, StepShape shape) {
  forwardUnits<ResetCandidate>(steps.of[blockIdx.y], shape);
}
CUGRU_KERNEL reset_candidate_backward(BackwardSteps steps, StepShape shape) {
  backwardUnits<ResetCandidate>(steps.of[blockIdx.y], shape);
}
