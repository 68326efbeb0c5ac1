// SPDX-License-Identifier: Apache-2.0
//
// The thread pool. Note [Job protocol] at the end explains why a sleeping worker never delays a
// caller and why the plain fields of `mixfuse_pool` are free of data races. All atomics are
// sequentially consistent unless an order is written out: the protocol has store-then-load pairs on
// both sides, which weaker orders do not keep.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "mixfuse_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mixfuse_host.h"
#include "word_wait.h"

enum {
  // Pauses before a worker sleeps: 49 us on a Zen 4 (24 ns each). Longer than the serial stretches
  // between the kernels of one call, shorter than anything a user would notice.
  spins_before_sleep = 2000,
  // Each worker gets about this many chunks of a long loop, which evens out uneven bodies and keeps
  // the shared counter cold.
  chunks_per_worker = 8,
  cache_line = 64
};

typedef void loop_body(void *arguments, int64_t index, int64_t worker);

typedef struct worker_start {
  struct mixfuse_pool *pool;
  int64_t worker;
} worker_start;

struct mixfuse_pool {
  int64_t workers;
  uint64_t process;        // `forks` when the pool was created
  uint32_t spins;
  pthread_mutex_t client;  // held by the one caller whose loop is running
  word_waiters waiters;
  pthread_t *threads;      // workers - 1
  worker_start *starts;    // workers - 1

  // The job; written only while `phase` is even and `active` has been seen at 0.
  loop_body *body;
  void *arguments;
  int64_t count;
  int64_t chunk;

  _Alignas(cache_line) _Atomic uint32_t phase;  // odd: a job is open; even: none is
  _Atomic uint32_t sleepers;                    // workers asleep, or about to be, on `phase`
  _Atomic bool stopping;
  _Alignas(cache_line) _Atomic uint32_t active; // workers that may be looking at the job
  _Atomic bool caller_sleeps;
  _Alignas(cache_line) _Atomic int64_t next;    // first index nobody has claimed
};

// One loop of a pool that the current thread is inside of; the chain recognises nested calls, also
// through a loop of another pool.
typedef struct running_loop {
  const mixfuse_pool *pool;
  int64_t worker;
  const struct running_loop *outer;
} running_loop;

static _Thread_local const running_loop *innermost = NULL;

// How many forks lie between this process and the one that loaded this code. A child has the memory
// of its parent's pools but none of their threads, except the one that forked. (Asking for the
// process's number at each call would cost a system call.)
static _Atomic uint64_t forks = 0;

static void count_fork(void) { atomic_fetch_add(&forks, 1); }

static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

/// Whether the pool's threads are in another process than the caller.
static bool is_inherited(const mixfuse_pool *pool) {
  return pool->process != atomic_load_explicit(&forks, memory_order_relaxed);
}

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static void run_serially(int64_t count, loop_body *body, void *arguments, int64_t worker) {
  for (int64_t index = 0; index < count; ++index) {
    body(arguments, index, worker);
  }
}

/// Claims chunks of the open job until none is left.
static void work(mixfuse_pool *pool, int64_t worker) {
  const int64_t count = pool->count;
  const int64_t chunk = pool->chunk;
  loop_body *const body = pool->body;
  void *const arguments = pool->arguments;
  const running_loop loop = {.pool = pool, .worker = worker, .outer = innermost};
  innermost = &loop;
  // The plain load first keeps `next` from growing without bound, so it cannot overflow.
  while (atomic_load_explicit(&pool->next, memory_order_relaxed) < count) {
    const int64_t first = atomic_fetch_add_explicit(&pool->next, chunk, memory_order_relaxed);
    const int64_t end = count - first < chunk ? count : first + chunk;
    for (int64_t index = first; index < end; ++index) {
      body(arguments, index, worker);
    }
  }
  innermost = loop.outer;
}

/// Returns once `phase` differs from `seen`, spinning first and sleeping after that.
static void wait_for_phase(mixfuse_pool *pool, uint32_t seen) {
  for (uint32_t spin = 0; spin < pool->spins; ++spin) {
    if (atomic_load_explicit(&pool->phase, memory_order_acquire) != seen) {
      return;
    }
    pause_briefly();
  }
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->phase) == seen) {
    word_wait(&pool->waiters, &pool->phase, seen);
  }
  atomic_fetch_sub(&pool->sleepers, 1);
}

/// Takes part in the open job, if there still is one; returns the phase it saw.
static uint32_t join_job(mixfuse_pool *pool, int64_t worker) {
  atomic_fetch_add(&pool->active, 1);
  const uint32_t phase = atomic_load(&pool->phase);
  if ((phase & 1) != 0) {
    work(pool, worker);
  }
  if (atomic_fetch_sub(&pool->active, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
    word_wake_all(&pool->waiters, &pool->active);
  }
  return phase;
}

static void name_thread(int64_t worker) {
#if defined(__linux__)
  char name[16];
  snprintf(name, sizeof name, "mixfuse-%lld", (long long)(worker % 1000000));
  pthread_setname_np(pthread_self(), name);
#else
  (void)worker;
#endif
}

static void *worker_main(void *start_pointer) {
  const worker_start *const start = start_pointer;
  mixfuse_pool *const pool = start->pool;
  name_thread(start->worker);
  uint32_t seen = 0;
  while (true) {
    wait_for_phase(pool, seen);
    if (atomic_load(&pool->stopping)) {
      return NULL;
    }
    seen = join_job(pool, start->worker);
  }
}

/// Starts the threads with every signal blocked, so that signals reach the program's own threads.
static int start_threads(mixfuse_pool *pool, int64_t *started) {
  sigset_t all_signals;
  sigset_t previous;
  sigfillset(&all_signals);
  int failure = pthread_sigmask(SIG_SETMASK, &all_signals, &previous);
  if (failure != 0) {
    return failure;
  }
  for (int64_t thread = 0; failure == 0 && thread < pool->workers - 1; ++thread) {
    pool->starts[thread] = (worker_start){.pool = pool, .worker = thread + 1};
    failure = pthread_create(&pool->threads[thread], NULL, worker_main, &pool->starts[thread]);
    *started += failure == 0 ? 1 : 0;
  }
  const int restored = pthread_sigmask(SIG_SETMASK, &previous, NULL);
  return failure != 0 ? failure : restored;
}

static void free_pool(mixfuse_pool *pool) {
  free(pool->threads);
  free(pool->starts);
  free(pool);
}

/// Joins the first `started` threads and frees everything.
static void stop(mixfuse_pool *pool, int64_t started) {
  atomic_store(&pool->stopping, true);
  atomic_fetch_add(&pool->phase, 2);
  word_wake_all(&pool->waiters, &pool->phase);
  for (int64_t thread = 0; thread < started; ++thread) {
    pthread_join(pool->threads[thread], NULL);
  }
  word_waiters_destroy(&pool->waiters);
  pthread_mutex_destroy(&pool->client);
  free_pool(pool);
}

mixfuse_pool *mixfuse_pool_create(int64_t workers) {
  if (workers < 1 || workers > 65536) {
    errno = EINVAL;
    return NULL;
  }
  void *memory = NULL;
  if (posix_memalign(&memory, cache_line, sizeof(mixfuse_pool)) != 0) {
    errno = ENOMEM;
    return NULL;
  }
  mixfuse_pool *const pool = memory;
  static pthread_once_t watch = PTHREAD_ONCE_INIT;
  pthread_once(&watch, watch_forks);
  *pool = (mixfuse_pool){.workers = workers, .process = atomic_load(&forks)};
  // With more workers than processors a spinning worker would only take time from a working one.
  pool->spins = workers <= mixfuse_available_processors() ? spins_before_sleep : 0;
  pool->threads = calloc((size_t)workers, sizeof(pthread_t));
  pool->starts = calloc((size_t)workers, sizeof(worker_start));
  if (pool->threads == NULL || pool->starts == NULL) {
    free_pool(pool);
    errno = ENOMEM;
    return NULL;
  }
  pthread_mutex_init(&pool->client, NULL);
  word_waiters_init(&pool->waiters);
  int64_t started = 0;
  const int failure = start_threads(pool, &started);
  if (failure != 0) {
    stop(pool, started);
    errno = failure;
    return NULL;
  }
  return pool;
}

void mixfuse_pool_destroy(mixfuse_pool *pool) {
  if (pool == NULL) {
    return;
  }
  if (is_inherited(pool)) {
    // No thread to join, and a mutex that may be locked for ever: only the memory is ours.
    free_pool(pool);
  } else {
    stop(pool, pool->workers - 1);
  }
}

int64_t mixfuse_pool_workers(const mixfuse_pool *pool) { return pool->workers; }

/// Opens a job, works on it, closes it, and waits for the workers that joined it.
static void run_as_client(mixfuse_pool *pool, int64_t count, loop_body *body, void *arguments) {
  const int64_t chunks = pool->workers * chunks_per_worker;
  pool->body = body;
  pool->arguments = arguments;
  pool->count = count;
  pool->chunk = count <= chunks ? 1 : count / chunks;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_fetch_add(&pool->phase, 1);
  if (atomic_load(&pool->sleepers) > 0) {
    word_wake_all(&pool->waiters, &pool->phase);
  }
  work(pool, 0);
  atomic_fetch_add(&pool->phase, 1);
  for (uint32_t spin = 0; spin < pool->spins && atomic_load(&pool->active) != 0; ++spin) {
    pause_briefly();
  }
  uint32_t active = atomic_load(&pool->active);
  if (active == 0) {
    return;
  }
  atomic_store(&pool->caller_sleeps, true);
  while ((active = atomic_load(&pool->active)) != 0) {
    word_wait(&pool->waiters, &pool->active, active);
  }
  atomic_store(&pool->caller_sleeps, false);
}

void mixfuse_pool_run(void *context, int64_t count, loop_body *body, void *arguments) {
  mixfuse_pool *const pool = context;
  for (const running_loop *loop = innermost; loop != NULL; loop = loop->outer) {
    if (loop->pool == pool) {
      run_serially(count, body, arguments, loop->worker);
      return;
    }
  }
  const bool alone = count <= 1 || pool->workers == 1 || is_inherited(pool);
  if (alone || pthread_mutex_trylock(&pool->client) != 0) {
    run_serially(count, body, arguments, 0);
    return;
  }
  run_as_client(pool, count, body, arguments);
  pthread_mutex_unlock(&pool->client);
}

// Note [Job protocol]
//
// `phase` counts up by one when a job opens (odd) and when it closes (even). A worker announces
// itself in `active` *before* it looks at `phase`; the caller closes the phase *before* it looks at
// `active`. Both are sequentially consistent, so at least one of them sees the other: a worker that
// found the phase odd is waited for, and a worker that is not waited for finds the phase even (or a
// newer job open, which it then joins properly). Therefore
// - the caller waits only for workers that joined: one that is still waking up is never waited for,
//   and short loops do not pay for a sleeping pool beyond the wake-up call;
// - the plain job fields change only between "active == 0 seen while the phase is even" and the
//   next odd phase, when no worker reads them. The increment of `phase` publishes them, the
//   decrement of `active` releases what the bodies wrote;
// - sleeping is the same pattern twice over: a worker counts itself in `sleepers` before it
//   compares `phase`, the caller changes `phase` before it reads `sleepers`; the caller sets
//   `caller_sleeps` before it compares `active`, a worker changes `active` before it reads
//   `caller_sleeps`. No wake-up is lost.
//
// A worker that sleeps through 2^31 jobs could see an old phase number again and sleep on; it would
// miss that one job, which the caller then completes by itself.
//
// Serial calls (`count <= 1`, one worker) are not entered in the chain of running loops: a loop of
// one iteration may still use the pool inside.
