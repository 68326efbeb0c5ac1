// SPDX-License-Identifier: Apache-2.0
//
// From what size on is a loop worth sharing out over two workers? Times loops over arrays of many
// sizes on one worker and on two of the runtime's pool, in turns: a loop bound by memory, and one by
// arithmetic. The pool is met awake (its workers still spin after the loop before) or asleep (after
// a pause of 300 microseconds in which only the caller works). Prints one line a size, and what
// waking costs by itself.
//
//     clang-19 -O3 -march=native -ffp-contract=fast sharing.c POOL/*.c -I POOL/include
//       -o sharing -lpthread                              # POOL is Sources/CMixFuseThreads

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mixfuse_pool.h"

enum { sizes = 15, smallest = 1 << 8, samples = 601, pause_nanoseconds = 300000 };

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void wait_for(double duration) {
  const double start = nanoseconds();
  while (nanoseconds() - start < duration) {
  }
}

typedef struct loop {
  const float *restrict x;
  const float *restrict y;
  float *restrict z;
  int64_t count;
  int64_t parts;
  int is_arithmetic;
} loop;

// 12 bytes and 2 operations an element.
static void light(const loop *loop, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    loop->z[i] = loop->x[i] * 0.9f + loop->y[i];
  }
}

// 12 bytes and 48 operations an element.
static void heavy(const loop *loop, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const float x = loop->x[i];
    const float y = loop->y[i];
    float a = x;
    float b = y;
#pragma clang loop unroll(full)
    for (int step = 0; step < 12; ++step) {
      a = a * x + 0.25f;
      b = b * y + 0.5f;
    }
    loop->z[i] = a + b;
  }
}

static void part(void *arguments, int64_t index, int64_t worker) {
  (void)worker;
  const loop *const loop = arguments;
  const int64_t begin = loop->count * index / loop->parts;
  const int64_t end = loop->count * (index + 1) / loop->parts;
  if (loop->is_arithmetic) {
    heavy(loop, begin, end);
  } else {
    light(loop, begin, end);
  }
}

// The fastest of many times on one worker and on two, one after the other in every sample: other
// programs only ever add to it.
static void measure(mixfuse_pool *pool, loop *loop, int is_awake, double times[2]) {
  times[0] = times[1] = 1e30;
  for (int sample = 0; sample < samples; ++sample) {
    for (int workers = 1; workers <= 2; ++workers) {
      loop->parts = workers;
      if (!is_awake) {
        wait_for(pause_nanoseconds);
      } else if (workers == 2) {
        mixfuse_pool_run(pool, 2, part, loop);
      } else {
        part(loop, 0, 0);
      }
      const double start = nanoseconds();
      if (workers == 2) {
        mixfuse_pool_run(pool, 2, part, loop);
      } else {
        part(loop, 0, 0);
      }
      const double time = nanoseconds() - start;
      times[workers - 1] = time < times[workers - 1] ? time : times[workers - 1];
    }
  }
}

int main(void) {
  const int64_t most = (int64_t)smallest << (sizes - 1);
  float *arrays[3];
  for (int array = 0; array < 3; ++array) {
    arrays[array] = aligned_alloc(64, (size_t)most * sizeof(float));
    if (!arrays[array]) {
      return 1;
    }
    for (int64_t i = 0; i < most; ++i) {
      arrays[array][i] = (float)(i % 1000) * 0.001f;
    }
  }
  mixfuse_pool *const pool = mixfuse_pool_create(2);
  if (!pool) {
    return 1;
  }
  printf("%-9s%10s%10s%12s%28s%28s\n", "", "", "", "8 x ops", "pool awake, us", "pool asleep, us");
  printf("%-9s%10s%10s%12s%10s%10s%8s%10s%10s%8s\n", "loop", "elements", "bytes", "+ bytes", "one",
      "two", "gain", "one", "two", "gain");
  for (int is_arithmetic = 0; is_arithmetic < 2; ++is_arithmetic) {
    for (int size = 0; size < sizes; ++size) {
      const int64_t count = (int64_t)smallest << size;
      loop loop = {arrays[0], arrays[1], arrays[2], count, 1, is_arithmetic};
      double awake[2];
      double asleep[2];
      measure(pool, &loop, 1, awake);
      measure(pool, &loop, 0, asleep);
      const int64_t work = count * (12 + 8 * (is_arithmetic ? 49 : 2));
      printf("%-9s%10ld%10ld%12ld%10.2f%10.2f%8.2f%10.2f%10.2f%8.2f\n",
          is_arithmetic ? "heavy" : "light", (long)count, (long)(12 * count), (long)work,
          awake[0] * 1e-3, awake[1] * 1e-3, awake[0] / awake[1], asleep[0] * 1e-3,
          asleep[1] * 1e-3, asleep[0] / asleep[1]);
      fflush(stdout);
    }
  }
  mixfuse_pool_destroy(pool);
  for (int array = 0; array < 3; ++array) {
    free(arrays[array]);
  }
  return 0;
}
