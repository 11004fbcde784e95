// The pointwise half of a GRU step back in time. The products with the weights are ordinary panel products.

namespace cugru::cpu {
namespace {

// With dh the gradient of the new state h' = (1 - z) n + z h, n = tanh(a + r q):
//   dz = dh (h - n) z (1 - z),  dn = dh (1 - z) (1 - n^2),  dr = dn q r (1 - r),  dq = dn r,  and dh z goes on to h.
CUGRU_INLINE void backwardUnits(const GruBackwardStep& s, int64_t row, int64_t unit, int64_t count, Vec (&sums)[4]) {
  const Vec one = broadcast(1.0f);
  float* gates = s.gates[row] + unit;
  float* carry = s.carry[row] + unit;
  const Vec n = loadUpTo(gates, count), r = loadUpTo(gates + s.units, count);
  const Vec z = loadUpTo(gates + 2 * s.units, count), q = loadUpTo(gates + 3 * s.units, count);
  const Vec h = loadUpTo(s.state[row] + unit, count);
  Vec dh = loadUpTo(carry, count);
  if (s.dy != nullptr) dh = add(dh, loadUpTo(s.dy[row] + unit, count));
  const Vec kept = mul(dh, z);
  const Vec fresh = sub(one, z);
  const Vec dz = mul(mul(kept, fresh), sub(h, n));
  const Vec dn = mul(mul(dh, fresh), mul(sub(one, n), add(one, n)));
  const Vec dq = mul(dn, r);
  const Vec dr = mul(mul(dq, q), sub(one, r));
  storeUpTo(carry, kept, count);
  storeUpTo(gates, dn, count);
  storeUpTo(gates + s.units, dr, count);
  storeUpTo(gates + 2 * s.units, dz, count);
  storeUpTo(gates + 3 * s.units, dq, count);
  sums[0] = add(sums[0], dn);
  sums[1] = add(sums[1], dr);
  sums[2] = add(sums[2], dz);
  sums[3] = add(sums[3], dq);
}

void gruBackward(const GruBackwardStep& s) {
  for (int64_t unit = s.firstUnit; unit < s.lastUnit; unit += Vec::N) {
    const int64_t count = least(Vec::N, s.lastUnit - unit);
    Vec sums[4];
    unroll<4>(CUGRU_EACH(g) { sums[g] = loadUpTo(s.bias + g * s.units + unit, count); });
    for (int64_t row = 0; row < s.rows; ++row) backwardUnits(s, row, unit, count, sums);
    unroll<4>(CUGRU_EACH(g) { storeUpTo(s.bias + g * s.units + unit, sums[g], count); });
  }
}

}  // namespace
}  // namespace cugru::cpu
