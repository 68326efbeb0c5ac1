// SPDX-License-Identifier: Apache-2.0
//
// Checks every emitted kernel against three plain loops, then times it: best of many calls, next
// to the machine's multiply-add peak measured just before and, where built with -DUSE_BLAS,
// OpenBLAS on one thread. Prints one line a kernel.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef REAL real;
#include "driver.h"
#ifdef USE_BLAS
#include <cblas.h>
#endif

// Time of this thread alone: other programs on the machine do not count.
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef real peak_vector __attribute__((vector_size(VECTOR_BYTES)));

// Multiply-adds on registers only: the rate no kernel can exceed.
static double peak_gflops(void) {
  enum { chains = 12, steps = 20000 };
  const double lanes = (double)VECTOR_BYTES / sizeof(real);
  double best = 0;
  for (int attempt = 0; attempt < 30; ++attempt) {
    peak_vector sum[chains], factor, term;
    memset(&factor, 0, sizeof factor);
    memset(&term, 0, sizeof term);
    memset(sum, 0, sizeof sum);
    const double start = seconds();
    for (int step = 0; step < steps; ++step) {
#pragma clang loop unroll(full)
      for (int i = 0; i < chains; ++i) {
        sum[i] = sum[i] * factor + term;
      }
      __asm__ volatile("" : "+v"(factor), "+v"(term));
    }
    for (int i = 0; i < chains; ++i) {
      __asm__ volatile("" : : "v"(sum[i]));
    }
    const double rate = 2e-9 * lanes * chains * steps / (seconds() - start);
    best = rate > best ? rate : best;
  }
  return best;
}

static int64_t span(const kernel_case *item, int operand) {
  int64_t last = 0;
  for (int loop = 0; loop < 4; ++loop) {
    last += (item->loops[loop][0] - 1) * item->loops[loop][1 + operand];
  }
  return last + 1;
}

static real *allocate(int64_t count) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)count * sizeof(real) + 64) != 0) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return memory;
}

// Largest error of sampled elements of c, relative to the sum of absolute terms.
static double error_of(const kernel_case *item, const real *a, const real *b, const real *c) {
  double worst = 0;
  const int64_t *batch = item->loops[0], *row = item->loops[1];
  const int64_t *column = item->loops[2], *inner = item->loops[3];
  const int64_t count = batch[0] * row[0] * column[0];
  const int64_t stride = count > 20000 ? count / 20000 : 1;
  for (int64_t index = 0; index < count; index += stride) {
    const int64_t j = index % column[0], i = index / column[0] % row[0];
    const int64_t l = index / column[0] / row[0];
    double sum = 0, size = 1e-30;
    for (int64_t k = 0; k < inner[0]; ++k) {
      const double term = (double)a[l * batch[1] + i * row[1] + k * inner[1]]
          * (double)b[l * batch[2] + j * column[2] + k * inner[2]];
      sum += term;
      size += fabs(term);
    }
    const double found = (double)c[l * batch[3] + i * row[3] + j * column[3]];
    const double error = fabs(found - sum) / size;
    worst = error > worst || error != error ? error : worst;
  }
  return worst;
}

#ifdef USE_BLAS
static void blas(const kernel_case *item, const real *a, const real *b, real *c) {
  const int64_t *row = item->loops[1], *column = item->loops[2], *inner = item->loops[3];
  const int m = (int)row[0], n = (int)column[0], k = (int)inner[0];
  const int a_turned = strcmp(item->layout, "tn") == 0, b_turned = strcmp(item->layout, "nt") == 0;
  for (int64_t l = 0; l < item->loops[0][0]; ++l) {
    const real *left = a + l * item->loops[0][1], *right = b + l * item->loops[0][2];
    real *result = c + l * item->loops[0][3];
    if (sizeof(real) == 4) {
      cblas_sgemm(CblasRowMajor, a_turned ? CblasTrans : CblasNoTrans,
          b_turned ? CblasTrans : CblasNoTrans, m, n, k, 1, (const float *)left,
          a_turned ? m : k, (const float *)right, b_turned ? k : n, 0, (float *)result, n);
    } else {
      cblas_dgemm(CblasRowMajor, a_turned ? CblasTrans : CblasNoTrans,
          b_turned ? CblasTrans : CblasNoTrans, m, n, k, 1, (const double *)left,
          a_turned ? m : k, (const double *)right, b_turned ? k : n, 0, (double *)result, n);
    }
  }
}
#endif

static void call(const kernel_case *item, int uses_blas, const real *a, const real *b, real *c,
    real *scratch) {
#ifdef USE_BLAS
  if (uses_blas) {
    blas(item, a, b, c);
    return;
  }
#endif
  (void)uses_blas;
  item->kernel(a, b, c, scratch, 0, item->split_count);
}

// Seconds of the fastest call; at least five samples and 0.1 seconds.
static double fastest(const kernel_case *item, int uses_blas, const real *a, const real *b,
    real *c, real *scratch) {
  call(item, uses_blas, a, b, c, scratch);
  double start = seconds();
  call(item, uses_blas, a, b, c, scratch);
  const double once = seconds() - start;
  const int64_t repeats = once > 5e-5 ? 1 : (int64_t)(5e-5 / (once + 1e-8)) + 1;
  double best = 1e30;
  const double begin = seconds();
  for (int sample = 0; sample < 5 || seconds() - begin < 0.1; ++sample) {
    start = seconds();
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      call(item, uses_blas, a, b, c, scratch);
    }
    const double time = (seconds() - start) / (double)repeats;
    best = time < best ? time : best;
  }
  return best;
}

int main(void) {
  printf("%-6s%6s%6s%6s%6s  %-22s%10s%9s%7s%9s%9s\n", "layout", "m", "n", "k", "batch", "kernel",
      "seconds", "GFLOP/s", "peak", "OpenBLAS", "error");
  for (int number = 0; number < case_count; ++number) {
    const kernel_case *item = &cases[number];
    const int64_t a_count = span(item, 0), b_count = span(item, 1), c_count = span(item, 2);
    real *a = allocate(a_count), *b = allocate(b_count), *c = allocate(c_count);
    real *scratch = allocate(item->scratch_bytes / (int64_t)sizeof(real) + 1);
    uint32_t state = 1;
    for (int64_t i = 0; i < a_count; ++i) {
      a[i] = (real)((state = state * 1664525u + 1013904223u) >> 8) / 16777216 - (real)0.5;
    }
    for (int64_t i = 0; i < b_count; ++i) {
      b[i] = (real)((state = state * 1664525u + 1013904223u) >> 8) / 16777216 - (real)0.5;
    }
    memset(c, 0xff, (size_t)c_count * sizeof(real));
    call(item, 0, a, b, c, scratch);
    const double error = error_of(item, a, b, c);
    double flops = 2;
    for (int loop = 0; loop < 4; ++loop) {
      flops *= (double)item->loops[loop][0];
    }
    const double peak = peak_gflops();
    const double time = fastest(item, 0, a, b, c, scratch);
    double other = 0;
#ifdef USE_BLAS
    if (strcmp(item->layout, "lane") != 0) {
      other = flops * 1e-9 / fastest(item, 1, a, b, c, scratch);
    }
#endif
    const double rate = flops * 1e-9 / time;
    printf("%-6s%6ld%6ld%6ld%6ld  %-22s%10.3g%9.1f%6.0f%%%9.1f%9.1g\n", item->layout,
        (long)item->loops[1][0], (long)item->loops[2][0], (long)item->loops[3][0],
        (long)item->loops[0][0], item->strategy, time, rate, 100 * rate / peak, other, error);
    fflush(stdout);
    free(a);
    free(b);
    free(c);
    free(scratch);
  }
  return 0;
}
