// SPDX-License-Identifier: Apache-2.0
//
// Times every emitted program on one thread and on two of the runtime's pool, in turns: the fastest
// of many calls. Beside it stands what the machine can do, measured just before: a copy that reads
// and writes as many bytes as the program's inputs and outputs have, and multiply-adds on registers.
// Prints a Markdown table.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mixfuse_pool.h"
#include "nests_driver.h"

double mf_peak_products_f32(int64_t rounds, float *sink);
double mf_peak_products_f64(int64_t rounds, double *sink);
void mf_peak_copy(char *restrict to, const char *restrict from, int64_t bytes);

enum { most_arrays = 32 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *allocate(int64_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)bytes + 64) != 0) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  memset(memory, 0, (size_t)bytes + 64);
  return memory;
}

// Numbers in 0.25 ..< 1, or indices.
static void fill(char *memory, const nest_array *array) {
  static uint32_t state = 1;
  const int64_t element = array->float_bytes ? array->float_bytes : 4;
  for (int64_t i = 0; i < array->bytes / element; ++i) {
    state = state * 1664525u + 1013904223u;
    const double number = 0.25 + 0.75 * (double)(state >> 8) / 16777216;
    if (array->float_bytes == 8) {
      ((double *)(void *)memory)[i] = number;
    } else if (array->float_bytes == 4) {
      ((float *)(void *)memory)[i] = (float)number;
    } else {
      ((int32_t *)(void *)memory)[i] = array->bound ? (int32_t)((state >> 8) % array->bound) : 1;
    }
  }
}

static double peak_flops(int64_t float_bytes) {
  double best = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    float small = 0.5f;
    double large = 0.5;
    const double start = seconds();
    const double done = float_bytes == 8 ? mf_peak_products_f64(20000, &large)
                                         : mf_peak_products_f32(20000, &small);
    const double rate = done / (seconds() - start);
    best = rate > best ? rate : best;
  }
  return best;
}

// Bytes read and written in a second by copying half of `bytes` to the other half.
static double copy_rate(int64_t bytes) {
  char *const from = allocate(bytes / 2);
  char *const to = allocate(bytes / 2);
  double best = 0;
  const double begin = seconds();
  while (seconds() - begin < 0.5) {
    const double start = seconds();
    mf_peak_copy(to, from, bytes / 2);
    const double rate = (double)bytes / (seconds() - start);
    best = rate > best ? rate : best;
  }
  free(from);
  free(to);
  return best;
}

static void measure(const nest_case *item, const mixfuse_parallel *both) {
  void *pointers[most_arrays];
  int64_t bytes = 0;
  for (int array = 0; array < item->inputs + item->outputs; ++array) {
    pointers[array] = allocate(item->arrays[array].bytes);
    bytes += item->arrays[array].bytes;
    if (array < item->inputs) {
      fill(pointers[array], &item->arrays[array]);
    }
  }
  void *const arena = allocate(item->arena_bytes + both->workers * item->worker_bytes);
  const int64_t float_bytes = item->arrays[0].float_bytes;
  const double copy = copy_rate(bytes);
  const double peak = peak_flops(float_bytes);
  double best[2] = {1e30, 1e30};
  const double begin = seconds();
  for (int sample = 0; sample < 10 || seconds() - begin < 3; ++sample) {
    const double start = seconds();
    const int parallel = sample % 2;
    const int32_t status = item->run((const void *const *)pointers, pointers + item->inputs, arena,
        parallel ? both : NULL);
    const double time = seconds() - start;
    if (status != 0) {
      fprintf(stderr, "%s: status %d\n", item->title, (int)status);
      exit(1);
    }
    best[parallel] = time < best[parallel] ? time : best[parallel];
  }
  printf("| %s | %s | %.2f | %.3g | %.1f | %.0f %% | %.1f | %.0f %% | %.3g | %.2f |\n",
      item->title, item->shape, (double)bytes / 1048576, best[0] * 1e6,
      (double)bytes * 1e-9 / best[0], 100 * (double)bytes / best[0] / copy,
      (double)item->flops * 1e-9 / best[0], 100 * (double)item->flops / best[0] / peak,
      best[1] * 1e6, best[0] / best[1]);
  fflush(stdout);
  free(arena);
  for (int array = 0; array < item->inputs + item->outputs; ++array) {
    free(pointers[array]);
  }
}

int main(int count, char **arguments) {
  mixfuse_pool *const pool = mixfuse_pool_create(2);
  if (!pool) {
    return 1;
  }
  const mixfuse_parallel both = {mixfuse_pool_run, pool, 2};
  printf("| program | first input | MiB | us | GB/s | of copy | GFLOP/s | of peak | us, 2 threads "
         "| gain |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (int number = 0; number < case_count; ++number) {
    if (count < 2 || strstr(cases[number].title, arguments[1])) {
      measure(&cases[number], &both);
    }
  }
  mixfuse_pool_destroy(pool);
  return 0;
}
