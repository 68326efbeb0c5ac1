// mf_atan_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// The inverse tangent. The size of x is reduced to below 0.66 by subtracting pi / 4 or pi / 2 from
// its angle; there an odd rational function (Cephes, S. Moshier). Error below 2 ULP.

__attribute__((always_inline)) static inline double mf_atan_f64(double x) {
  const double size = __builtin_fabs(x);
  const double is_large = size > 2.414213562373095 ? 1.0 : 0.0;
  const double is_middle = size > 0.66 ? 1.0 : 0.0;
  const double above = is_large != 0.0 ? -1.0 : size - 1.0;
  const double below = is_large != 0.0 ? size : size + 1.0;
  const double reduced = above / below;
  const double r = is_middle != 0.0 ? reduced : size;
  const double middle = is_large != 0.0 ? 1.5707963267948966 : 0.7853981633974483;
  const double middle_lost =
      is_large != 0.0 ? 6.123233995736766e-17 : 3.061616997868383e-17;
  const double angle = is_middle != 0.0 ? middle : 0.0;
  const double lost = is_middle != 0.0 ? middle_lost : 0.0;
  const double z = r * r;
  double p = -8.750608600031904122785e-1;
  p = p * z - 1.615753718733365076637e1;
  p = p * z - 7.500855792314704667340e1;
  p = p * z - 1.228866684490136173410e2;
  p = p * z - 6.485021904942025371773e1;
  double q = z + 2.485846490142306297962e1;
  q = q * z + 1.650270098316988542046e2;
  q = q * z + 4.328810604912902668951e2;
  q = q * z + 4.853903996359136964868e2;
  q = q * z + 1.945506571482613964425e2;
  const double tail = z * (p / q) * r + lost + r;
  return __builtin_copysign(angle + tail, x);
}
