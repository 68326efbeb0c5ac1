// mf_vector_types
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 2 to 16 elements as clang's vector extension spells them: arithmetic is elementwise,
// a scalar operand is broadcast, and the compiler picks the registers. They are aligned like one
// element, so that a vector may be read at any element's address.

typedef float mf_f32x2 __attribute__((ext_vector_type(2), aligned(4)));
typedef float mf_f32x4 __attribute__((ext_vector_type(4), aligned(4)));
typedef float mf_f32x8 __attribute__((ext_vector_type(8), aligned(4)));
typedef float mf_f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef double mf_f64x2 __attribute__((ext_vector_type(2), aligned(8)));
typedef double mf_f64x4 __attribute__((ext_vector_type(4), aligned(8)));
typedef double mf_f64x8 __attribute__((ext_vector_type(8), aligned(8)));
