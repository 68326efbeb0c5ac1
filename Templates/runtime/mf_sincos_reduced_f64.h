// mf_sincos_reduced_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Sine of r + turns * pi/2, |r| <= pi/4.

__attribute__((always_inline)) static inline double mf_sincos_reduced_f64(
    double r, uint64_t turns) {
  const double z = r * r;
  double sine = -0x1.aaa46d81024a4p-41;
  sine = sine * z + 0x1.612091042fb49p-33;
  sine = sine * z - 0x1.ae645295a4975p-26;
  sine = sine * z + 0x1.71de3a53376fap-19;
  sine = sine * z - 0x1.a01a01a018acbp-13;
  sine = sine * z + 0x1.111111111110bp-7;
  sine = sine * z - 0x1.5555555555555p-3;
  sine = sine * (z * r) + r;
  double cosine = -0x1.8fad75b5e8198p-37;
  cosine = cosine * z + 0x1.1ee9e9af5b665p-29;
  cosine = cosine * z - 0x1.27e4f806a5a1bp-22;
  cosine = cosine * z + 0x1.a01a019cad201p-16;
  cosine = cosine * z - 0x1.6c16c16c1514dp-10;
  cosine = cosine * z + 0x1.555555555554cp-5;
  cosine = cosine * (z * z) - 0.5 * z + 1.0;
  const double size = (turns & 1) == 0 ? sine : cosine;
  return (turns & 2) == 0 ? size : -size;
}
