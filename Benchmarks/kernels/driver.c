// SPDX-License-Identifier: Apache-2.0
//
// Checks every emitted kernel against three plain loops, then times it: best of many calls, taking
// turns with OpenBLAS, next to the machine's multiply-add peak. Prints one line a kernel.
//
//     bench THREADS [OPENBLAS-LIBRARY]
//
// Short calls and those on two threads are timed by the clock on the wall, where other programs
// count: the fastest of many samples misses them. A thread's CPU time would leave them out, but on
// a virtual machine it is now and then some 10 microseconds short, and the fastest of many samples
// finds just those: kernels came out at 1.8 times the peak. So it serves only calls that take
// milliseconds on one thread, too long to be undisturbed.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef REAL real;
#include "driver.h"

static int threads = 1;

static clockid_t clock_used = CLOCK_MONOTONIC;

static double seconds(void) {
  struct timespec now;
  clock_gettime(clock_used, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Keeps this thread, and those that it will start, on one processor: on a busy machine the system
// may put two threads on the same one, where they wait for each other.
static void stay_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    fprintf(stderr, "threads are not kept on one processor\n");
  }
}

static void rest(long milliseconds) {
  const struct timespec time = {0, milliseconds * 1000000};
  nanosleep(&time, NULL);
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

// OpenBLAS, under the names of Debian's library or of the package scipy-openblas32.
typedef void gemm(int order, int a_turned, int b_turned, int m, int n, int k, real alpha,
    const real *a, int a_row, const real *b, int b_row, real beta, real *c, int c_row);
static gemm *rival_gemm;

static void *symbol(void *library, const char *name) {
  char longer[64];
  snprintf(longer, sizeof longer, "scipy_%s", name);
  void *found = dlsym(library, name);
  return found ? found : dlsym(library, longer);
}

static void open_rival(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  if (!library) {
    fprintf(stderr, "OpenBLAS is not compared: %s\n", dlerror());
    return;
  }
  rival_gemm = (gemm *)symbol(library, sizeof(real) == 4 ? "cblas_sgemm" : "cblas_dgemm");
  void (*set_threads)(int) = (void (*)(int))symbol(library, "openblas_set_num_threads");
  char *(*configuration)(void) = (char *(*)(void))symbol(library, "openblas_get_config");
  if (!rival_gemm || !set_threads || !configuration) {
    fprintf(stderr, "no OpenBLAS: %s\n", path);
    exit(1);
  }
  set_threads(threads);
  printf("# rival %s\n", configuration());
}

// What one call works on.
typedef struct call {
  const kernel_case *item;
  const real *a, *b;
  real *c, *scratch[2];
} call;

static void call_rival(const call *call) {
  enum { row_major = 101, straight = 111, turned = 112 };
  const kernel_case *item = call->item;
  const int m = (int)item->loops[1][0], n = (int)item->loops[2][0], k = (int)item->loops[3][0];
  const int a_turned = item->layout[0] == 't', b_turned = item->layout[1] == 't';
  for (int64_t l = 0; l < item->loops[0][0]; ++l) {
    rival_gemm(row_major, a_turned ? turned : straight, b_turned ? turned : straight, m, n, k, 1,
        call->a + l * item->loops[0][1], a_turned ? m : k, call->b + l * item->loops[0][2],
        b_turned ? k : n, 0, call->c + l * item->loops[0][3], n);
  }
}

// The second thread: it waits for the next call without sleeping while ours is timed, as the
// runtime's workers do within a program, and sleeps otherwise.
static const call *_Atomic shared_call;
static _Atomic int is_parked = 1;

static void run_part(const call *call, int part) {
  const int64_t units = call->item->split_count;
  call->item->kernel(call->a, call->b, call->c, call->scratch[part], units * part / threads,
      units * (part + 1) / threads);
}

static void *work(void *unused) {
  for (;;) {
    const call *next = atomic_load_explicit(&shared_call, memory_order_acquire);
    if (next) {
      run_part(next, 1);
      atomic_store_explicit(&shared_call, NULL, memory_order_release);
    } else if (atomic_load_explicit(&is_parked, memory_order_relaxed)) {
      rest(1);
    }
  }
  return unused;
}

static void call_own(const call *call) {
  const int is_shared = threads > 1 && call->item->split_count > 1;
  if (!is_shared) {
    call->item->kernel(
        call->a, call->b, call->c, call->scratch[0], 0, call->item->split_count);
    return;
  }
  atomic_store_explicit(&shared_call, call, memory_order_release);
  run_part(call, 0);
  while (atomic_load_explicit(&shared_call, memory_order_acquire)) {
  }
}

// Processor time of all threads so far.
static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Ticks of a hundredth of a second that the processors were busy so far; -1 if unknown.
static long busy_ticks(void) {
  long user = 0, nice = 0, system = -1;
  FILE *file = fopen("/proc/stat", "r");
  if (file) {
    if (fscanf(file, "cpu %ld %ld %ld", &user, &nice, &system) != 3) {
      user = nice = system = -1;
    }
    fclose(file);
  }
  return user + nice + system;
}

// Lets other programs have their turn before a long sample, rather than in it, and before one that
// is longer than their turns waits up to three seconds until they are quiet; the second thread is
// awake again at the end if it `serves` the sample.
static void pause_threads(int serves, double once) {
  atomic_store(&is_parked, 1);
  rest(10);
  for (int attempt = 0; attempt < 30 && once > 1e-2; ++attempt) {
    const long before = busy_ticks();
    rest(100);
    if (busy_ticks() - before <= 1) {
      break;
    }
  }
  atomic_store(&is_parked, !serves);
  rest(2);
}

// Samples of the present case during which no other program ran, ours and the rival's.
static int undisturbed[2];

// Seconds of the fastest call in `room` seconds; at least three samples. On two threads it takes
// up to ten times as long, until there are three samples during which no other program ran: both
// threads, or the one that was used, had a processor nearly all the time.
static double fastest(void (*run)(const call *), const call *call, double room) {
  run(call);
  clock_used = CLOCK_MONOTONIC;
  double start = seconds();
  run(call);
  const double once = seconds() - start;
  clock_used = threads == 1 && once > 2e-3 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  const int64_t repeats = once > 2e-5 ? 1 : (int64_t)(2e-5 / (once + 1e-8)) + 1;
  double best = 1e30;
  const double begin = seconds();
  int clean = threads == 1 ? 3 : 0;
  for (int sample = 0; sample < 3 || seconds() - begin < (clean < 3 ? 10 * room : room); ++sample) {
    if (threads == 2 && once > 1e-3) {
      pause_threads(run == call_own, once);
    }
    const double used = processor_seconds();
    start = seconds();
    for (int64_t repeat = 0; repeat < repeats; ++repeat) {
      run(call);
    }
    const double wall = seconds() - start, busy = (processor_seconds() - used) / wall;
    const int is_clean = busy > 1.9 || (busy > 0.95 && busy < 1.05);
    clean += is_clean;
    undisturbed[run != call_own] += is_clean;
    best = wall / (double)repeats < best ? wall / (double)repeats : best;
  }
  return best;
}

// Times both in turns; OpenBLAS' second thread spins for a while after a call.
static void compare(const call *call, double *own, double *other) {
  const double room = 0.03;
  undisturbed[0] = undisturbed[1] = 0;
  *own = *other = 1e30;
  for (int turn = 0; turn < 4; ++turn) {
    atomic_store(&is_parked, threads == 1);
    rest(threads == 1 ? 0 : 40);
    const double time = fastest(call_own, call, room);
    *own = time < *own ? time : *own;
    atomic_store(&is_parked, 1);
    rest(threads == 1 ? 0 : 3);
    if (rival_gemm && strcmp(call->item->layout, "lane") != 0) {
      const double rival = fastest(call_rival, call, room);
      *other = rival < *other ? rival : *other;
    }
  }
}

static void fill(real *array, int64_t count, uint32_t state) {
  for (int64_t i = 0; i < count; ++i) {
    array[i] = (real)((state = state * 1664525u + 1013904223u) >> 8) / 16777216 - (real)0.5;
  }
}

// The best seen on one core so far, measured after every case.
static double peak;

static void measure(const kernel_case *item) {
  const int64_t a_count = span(item, 0), b_count = span(item, 1), c_count = span(item, 2);
  real *a = allocate(a_count), *b = allocate(b_count), *c = allocate(c_count);
  call call = {item, a, b, c, {NULL, NULL}};
  for (int part = 0; part < threads; ++part) {
    call.scratch[part] = allocate(item->scratch_bytes / (int64_t)sizeof(real) + 1);
  }
  fill(a, a_count, 1);
  fill(b, b_count, 2);
  memset(c, 0xff, (size_t)c_count * sizeof(real));
  call_own(&call);
  const double error = error_of(item, a, b, c);
  double flops = 2e-9;
  for (int loop = 0; loop < 4; ++loop) {
    flops *= (double)item->loops[loop][0];
  }
  double own, other;
  compare(&call, &own, &other);
  clock_used = CLOCK_MONOTONIC;
  const double rate = peak_gflops();
  peak = rate > peak ? rate : peak;
  printf("%-6s%6ld%6ld%6ld%6ld  %-22s%10.3g%9.1f%9.1f%9.1g%s\n", item->layout,
      (long)item->loops[1][0], (long)item->loops[2][0], (long)item->loops[3][0],
      (long)item->loops[0][0], item->strategy, own, flops / own, other > 1 ? 0 : flops / other,
      error, undisturbed[0] && (undisturbed[1] || other > 1) ? "" : "  disturbed");
  fflush(stdout);
  free(a);
  free(b);
  free(c);
  free(call.scratch[0]);
  free(call.scratch[1]);
}

int main(int count, char **arguments) {
  threads = count > 1 ? atoi(arguments[1]) : 1;
  pthread_t worker;
  if (threads == 2) {
    stay_on(1);
  }
  if (threads < 1 || threads > 2
      || (threads == 2 && pthread_create(&worker, NULL, work, NULL) != 0)) {
    fprintf(stderr, "one or two threads\n");
    return 1;
  }
  if (count > 2) {
    open_rival(arguments[2]);
  }
  if (threads == 2) {
    stay_on(0);
  }
  printf("%-6s%6s%6s%6s%6s  %-22s%10s%9s%9s%9s\n", "layout", "m", "n", "k", "batch", "kernel",
      "seconds", "GFLOP/s", "OpenBLAS", "error");
  for (int number = 0; number < case_count; ++number) {
    measure(&cases[number]);
  }
  printf("# peak %.1f\n", peak * threads);
  return 0;
}
