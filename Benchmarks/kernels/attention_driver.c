// SPDX-License-Identifier: Apache-2.0
//
// Times every emitted attention kernel on one thread: best of several calls, next to the machine's
// multiply-add peak measured just before. Rates count the pairs of a query and a key that matter,
// half of them for causal attention. Prints one line a kernel.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef REAL real;
#include "attention_driver.h"

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

static int64_t count_of(const attention_case *item, char array) {
  const int64_t *sizes = item->sizes;
  const int64_t rows = sizes[0] * sizes[1];
  return array == 'q' ? rows * sizes[2] * sizes[4]
      : array == 'k'  ? rows * sizes[3] * sizes[4]
                      : rows * sizes[2];
}

static real *allocate(int64_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)bytes + 64) != 0) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return memory;
}

int main(void) {
  enum { most_arrays = 16 };
  printf("%-24s%6s%9s%6s%10s%6s%10s%9s%7s%13s\n", "order", "batch", "sequence", "heads",
      "key heads", "width", "seconds", "GFLOP/s", "peak", "scratch KiB");
  for (int number = 0; number < case_count; ++number) {
    const attention_case *item = &cases[number];
    real *pointers[most_arrays + 1];
    const int count = (int)strlen(item->arrays);
    uint32_t state = 1;
    for (int array = 0; array < count; ++array) {
      const int64_t elements = count_of(item, item->arrays[array]);
      pointers[array] = allocate(elements * (int64_t)sizeof(real));
      for (int64_t i = 0; i < elements; ++i) {
        state = state * 1664525u + 1013904223u;
        // Row statistics of the size that log-sum-exps have: probabilities stay normal numbers.
        pointers[array][i] = (real)(state >> 8) / 16777216 - (real)0.5
            + (item->arrays[array] == 'l' ? 6 : 0);
      }
    }
    pointers[count] = allocate(item->scratch_bytes);
    const double peak = peak_gflops();
    double best = 1e30;
    const double begin = seconds();
    for (int sample = 0; sample < 5 || seconds() - begin < 1; ++sample) {
      const double start = seconds();
      item->kernel(pointers, 0, item->split_count);
      const double time = seconds() - start;
      best = time < best ? time : best;
    }
    const double rate = (double)item->useful_flops * 1e-9 / best;
    printf("%-24s%6ld%9ld%6ld%10ld%6ld%10.3g%9.1f%6.0f%%%13ld\n", item->title,
        (long)item->sizes[0], (long)item->sizes[1], (long)item->sizes[2], (long)item->sizes[3],
        (long)item->sizes[4], best, rate, 100 * rate / peak, (long)item->scratch_bytes / 1024);
    fflush(stdout);
    for (int array = 0; array <= count; ++array) {
      free(pointers[array]);
    }
  }
  return 0;
}
