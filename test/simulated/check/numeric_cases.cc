#include "core/numeric.h"

#include <cmath>

#include "check/check.h"

namespace simulated_check {

namespace {

double rounded(simulated::Number type, double value) {
  uint64_t room = 0;
  simulated::store(type, &room, 0, value);
  return simulated::load(type, &room, 0);
}

}  // namespace

CASE("numbers", halves, "half-precision numbers are rounded to the nearest, ties to even") {
  constexpr auto kHalf = simulated::Number::float16;
  for (const double exact : {0.0, 1.0, -2.5, 65504.0, 6.103515625e-05, 5.960464477539063e-08, 0.333251953125}) {
    SAME(rounded(kHalf, exact), exact);
  }
  SAME(rounded(kHalf, 2049), 2048.0);
  SAME(rounded(kHalf, 2051), 2052.0);
  SAME(rounded(kHalf, 1.9999), 2.0);
  SAME(rounded(kHalf, 1e-9), 0.0);
  TRUE(std::isinf(rounded(kHalf, 65520)));
  TRUE(std::isnan(rounded(kHalf, NAN)));
}

CASE("numbers", bfloats, "bfloat16 numbers are rounded to the nearest, ties to even") {
  constexpr auto kBfloat = simulated::Number::bfloat16;
  for (const double exact : {0.0, 1.0, -2.5, 256.0, 3.3895313892515355e38}) SAME(rounded(kBfloat, exact), exact);
  SAME(rounded(kBfloat, 257), 256.0);
  SAME(rounded(kBfloat, 259), 260.0);
  TRUE(std::isnan(rounded(kBfloat, NAN)));
}

}  // namespace simulated_check
