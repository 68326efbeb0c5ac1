// mf_vector_types
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Vectors in the extension of clang and gcc: arithmetic is elementwise, a scalar operand is
// broadcast, and the compiler picks the registers. They are aligned like one element, so that a
// vector may be read at any element's address.

// gcc knows powers of two only: other vectors have more elements there, which are zero.
#ifdef __clang__
#define MF_VECTOR(type, count) __attribute__((ext_vector_type(count), aligned(sizeof(type))))
#else
#define MF_PADDED(count) ((count) <= 4 ? (count) <= 2 ? 2 : 4 : (count) <= 8 ? 8 : 16)
#define MF_VECTOR(type, count) \
  __attribute__((vector_size(MF_PADDED(count) * sizeof(type)), aligned(sizeof(type)), may_alias))
#endif

// Reads and writes such other vectors.
#ifdef __clang__
#define MF_LOAD_ODD(type, bytes, address) (*(const type *)(address))
#define MF_STORE_ODD(type, bytes, address, vector) (*(type *)(address) = (vector))
#else
#define MF_LOAD_ODD(type, bytes, address) \
  __extension__({ type odd = {0}; __builtin_memcpy(&odd, address, bytes); odd; })
#define MF_STORE_ODD(type, bytes, address, vector) \
  __extension__({ const type odd = (vector); __builtin_memcpy(address, &odd, bytes); })
#endif

// The elements of a where the mask, a comparison, holds, else those of b: in C gcc's have no `?:`.
#ifdef __clang__
#define MF_SELECT(type, mask, a, b) ((mask) ? (a) : (b))
#else
#define MF_SELECT(type, mask, a, b) \
  ((type)(((mask) & (__typeof__(mask))(a)) | (~(mask) & (__typeof__(mask))(b))))
#endif

typedef float mf_f32x2 MF_VECTOR(float, 2);
typedef float mf_f32x4 MF_VECTOR(float, 4);
typedef float mf_f32x8 MF_VECTOR(float, 8);
typedef float mf_f32x16 MF_VECTOR(float, 16);
typedef double mf_f64x2 MF_VECTOR(double, 2);
typedef double mf_f64x4 MF_VECTOR(double, 4);
typedef double mf_f64x8 MF_VECTOR(double, 8);
