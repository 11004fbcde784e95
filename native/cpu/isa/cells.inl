// The pointwise parts of the cells other than the GRU (equations: core/ops/ops.h). The products are ordinary panel products.
// Each cell is a struct with one vector of units of one row, forward and back.

namespace cugru::cpu {
namespace {

// Some units of one row, as far as `count` goes.
struct ForwardUnits {
  const CellForwardStep& step;
  int64_t row, unit, count;
  Vec sum(int64_t gate) const { return loadUpTo(step.gates[row] + gate * step.units + unit, count); }
  void keep(int64_t gate, Vec value) const { storeUpTo(step.gates[row] + gate * step.units + unit, value, count); }
  Vec state() const { return loadUpTo(step.state[row] + unit, count); }
  Vec memoryBefore() const { return loadUpTo(step.memoryBefore[row] + unit, count); }
  void setMemory(Vec value) const { storeUpTo(step.memory[row] + unit, value, count); }
  void setState(Vec value) const { storeUpTo(step.out[row] + unit, value, count); }
};

struct BackwardUnits {
  const CellBackwardStep& step;
  int64_t row, unit, count;
  Vec gate(int64_t gate) const { return loadUpTo(step.gates[row] + gate * step.units + unit, count); }
  void give(int64_t gate, Vec gradient) const {
    storeUpTo(step.gates[row] + gate * step.units + unit, gradient, count);
  }
  Vec state() const { return loadUpTo(step.state[row] + unit, count); }
  Vec memory() const { return loadUpTo(step.memory[row] + unit, count); }
  Vec memoryBefore() const { return loadUpTo(step.memoryBefore[row] + unit, count); }
  Vec carried() const { return loadUpTo(step.carry[row] + unit, count); }
  Vec stateGradient() const {
    return step.dy == nullptr ? carried() : add(carried(), loadUpTo(step.dy[row] + unit, count));
  }
  Vec memoryGradient() const { return loadUpTo(step.memoryCarry[row] + unit, count); }
  void carry(Vec gradient) const { storeUpTo(step.carry[row] + unit, gradient, count); }
  void carryMemory(Vec gradient) const { storeUpTo(step.memoryCarry[row] + unit, gradient, count); }
};

CUGRU_INLINE Vec oneMinus(Vec x) { return sub(broadcast(1.0f), x); }
// Slopes from the values: of sigmoid s (1 - s), of tanh (1 - t)(1 + t), which keeps its accuracy near 1.
CUGRU_INLINE Vec sigmoidSlope(Vec s) { return mul(s, oneMinus(s)); }
CUGRU_INLINE Vec tanhSlope(Vec t) { return mul(oneMinus(t), add(broadcast(1.0f), t)); }

template <bool Relu>
struct PlainCell {
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec h = Relu ? larger(zero(), u.sum(0)) : hyperbolicTangent(u.sum(0));
    u.keep(0, h);
    u.setState(h);
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec h = u.gate(0), dh = u.stateGradient();
    u.give(0, Relu ? positive(h, dh) : mul(dh, tanhSlope(h)));
    u.carry(zero());
  }
};

struct LstmCell {  // i, f, g, o
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec i = sigmoid(u.sum(0)), f = sigmoid(u.sum(1)), g = hyperbolicTangent(u.sum(2)), o = sigmoid(u.sum(3));
    const Vec c = fma(f, u.memoryBefore(), mul(i, g));
    u.keep(0, i);
    u.keep(1, f);
    u.keep(2, g);
    u.keep(3, o);
    u.setMemory(c);
    u.setState(mul(o, hyperbolicTangent(c)));
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec i = u.gate(0), f = u.gate(1), g = u.gate(2), o = u.gate(3), dh = u.stateGradient();
    const Vec m = hyperbolicTangent(u.memory());
    const Vec dc = fma(mul(dh, o), tanhSlope(m), u.memoryGradient());
    u.give(0, mul(mul(dc, g), sigmoidSlope(i)));
    u.give(1, mul(mul(dc, u.memoryBefore()), sigmoidSlope(f)));
    u.give(2, mul(mul(dc, i), tanhSlope(g)));
    u.give(3, mul(mul(dh, m), sigmoidSlope(o)));
    u.carry(zero());
    u.carryMemory(mul(dc, f));
  }
};

// The cell of a coupled forget gate, i = 1 - f: what lstm and article cell share.
CUGRU_INLINE Vec coupledMemory(Vec f, Vec g, Vec before) { return fma(f, sub(before, g), g); }

struct CifgCell {  // f, g, o
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec f = sigmoid(u.sum(0)), g = hyperbolicTangent(u.sum(1)), o = sigmoid(u.sum(2));
    const Vec c = coupledMemory(f, g, u.memoryBefore());
    u.keep(0, f);
    u.keep(1, g);
    u.keep(2, o);
    u.setMemory(c);
    u.setState(mul(o, hyperbolicTangent(c)));
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec f = u.gate(0), g = u.gate(1), o = u.gate(2), dh = u.stateGradient();
    const Vec m = hyperbolicTangent(u.memory());
    const Vec dc = fma(mul(dh, o), tanhSlope(m), u.memoryGradient());
    u.give(0, mul(mul(dc, sub(u.memoryBefore(), g)), sigmoidSlope(f)));
    u.give(1, mul(mul(dc, oneMinus(f)), tanhSlope(g)));
    u.give(2, mul(mul(dh, m), sigmoidSlope(o)));
    u.carry(zero());
    u.carryMemory(mul(dc, f));
  }
};

struct LeakyCell {  // z, r, c
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec z = sigmoid(u.sum(0)), r = sigmoid(u.sum(1)), g = hyperbolicTangent(u.sum(2)), h = u.state();
    const Vec c = coupledMemory(z, g, u.memoryBefore());
    u.keep(0, z);
    u.keep(1, r);
    u.keep(2, g);
    u.setMemory(c);
    u.setState(fma(r, sub(hyperbolicTangent(c), h), h));
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec z = u.gate(0), r = u.gate(1), g = u.gate(2), dh = u.stateGradient();
    const Vec m = hyperbolicTangent(u.memory());
    const Vec dc = fma(mul(dh, r), tanhSlope(m), u.memoryGradient());
    u.give(0, mul(mul(dc, sub(u.memoryBefore(), g)), sigmoidSlope(z)));
    u.give(1, mul(mul(dh, sub(m, u.state())), sigmoidSlope(r)));
    u.give(2, mul(mul(dc, oneMinus(z)), tanhSlope(g)));
    u.carry(mul(dh, oneMinus(r)));
    u.carryMemory(mul(dc, z));
  }
};

struct ResetGates {  // r, z of gru-reset-before; back: r, from the gradient of r * h
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec r = sigmoid(u.sum(0)), z = sigmoid(u.sum(1));
    u.keep(0, r);
    u.keep(1, z);
    u.setMemory(mul(r, u.state()));
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec r = u.gate(0), d = u.memoryGradient();
    u.give(0, mul(mul(d, u.state()), sigmoidSlope(r)));
    u.carry(fma(d, r, u.carried()));
  }
};

struct ResetCandidate {  // n and h; back: z, n
  static CUGRU_INLINE void forward(const ForwardUnits& u) {
    const Vec z = u.sum(1), n = hyperbolicTangent(u.sum(2));
    u.keep(2, n);
    u.setState(fma(z, sub(u.state(), n), n));
  }
  static CUGRU_INLINE void backward(const BackwardUnits& u) {
    const Vec z = u.gate(1), n = u.gate(2), dh = u.stateGradient();
    u.give(1, mul(mul(dh, sub(u.state(), n)), sigmoidSlope(z)));
    u.give(2, mul(mul(dh, oneMinus(z)), tanhSlope(n)));
    u.carry(mul(dh, z));
  }
};

template <typename Kind>
void cellForwardRows(const CellForwardStep& s) {
  for (int64_t row = 0; row < s.rows; ++row) {
    for (int64_t unit = 0; unit < s.units; unit += Vec::N) {
      Kind::forward(ForwardUnits{s, row, unit, least(Vec::N, s.units - unit)});
    }
  }
}

template <typename Kind>
void cellBackwardRows(const CellBackwardStep& s) {
  for (int64_t row = 0; row < s.rows; ++row) {
    for (int64_t unit = 0; unit < s.units; unit += Vec::N) {
      Kind::backward(BackwardUnits{s, row, unit, least(Vec::N, s.units - unit)});
    }
  }
}

void cellForward(const CellForwardStep& s) {
  switch (s.cell) {
    case Cell::gruResetBefore:
      return s.phase == 0 ? cellForwardRows<ResetGates>(s) : cellForwardRows<ResetCandidate>(s);
    case Cell::lstm: return cellForwardRows<LstmCell>(s);
    case Cell::cifgLstm: return cellForwardRows<CifgCell>(s);
    case Cell::rnnTanh: return cellForwardRows<PlainCell<false>>(s);
    case Cell::rnnRelu: return cellForwardRows<PlainCell<true>>(s);
    case Cell::leakyCifg: return cellForwardRows<LeakyCell>(s);
    case Cell::gru: return;  // has kernels of its own
  }
}

void cellBackward(const CellBackwardStep& s) {
  switch (s.cell) {
    case Cell::gruResetBefore:
      return s.phase == 0 ? cellBackwardRows<ResetCandidate>(s) : cellBackwardRows<ResetGates>(s);
    case Cell::lstm: return cellBackwardRows<LstmCell>(s);
    case Cell::cifgLstm: return cellBackwardRows<CifgCell>(s);
    case Cell::rnnTanh: return cellBackwardRows<PlainCell<false>>(s);
    case Cell::rnnRelu: return cellBackwardRows<PlainCell<true>>(s);
    case Cell::leakyCifg: return cellBackwardRows<LeakyCell>(s);
    case Cell::gru: return;
  }
}

}  // namespace
}  // namespace cugru::cpu
