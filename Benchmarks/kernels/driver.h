// SPDX-License-Identifier: Apache-2.0
//
// What the emitted kernels and the benchmark's driver share; `real` is defined before.

typedef struct kernel_case {
  const char *layout;
  const char *strategy;
  void (*kernel)(const real *restrict, const real *restrict, real *restrict, real *restrict,
                 int64_t, int64_t);
  int64_t loops[4][4]; // batch, rows, columns, inner: extent and strides of a, b, c
  int64_t split_count;
  int64_t scratch_bytes;
} kernel_case;

extern const kernel_case cases[];
extern const int case_count;
