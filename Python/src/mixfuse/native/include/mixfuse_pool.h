// SPDX-License-Identifier: Apache-2.0
//
// A small pool of threads for data-parallel loops. The caller of `mixfuse_pool_run` is worker 0 and
// does its share; the other workers wait by spinning for some tens of microseconds and then sleep,
// so that loops which follow each other closely start in about a microsecond and an idle pool costs
// nothing.
#ifndef MIXFUSE_POOL_H
#define MIXFUSE_POOL_H

#include <stdint.h>

#include "mixfuse_parallel.h"

typedef struct mixfuse_pool mixfuse_pool;

/// Creates a pool of `workers` workers, the caller included, so `workers - 1` threads are started.
/// Returns null when `workers` is below 1, when memory is short, or when a thread cannot be
/// started; `errno` then holds the reason and nothing is left behind.
mixfuse_pool *mixfuse_pool_create(int64_t workers);

/// Stops and joins the threads and frees the pool. No `mixfuse_pool_run` may be in progress. Null
/// is allowed. In a forked child, where the threads of its parent's pools do not exist, only the
/// child's copy of the memory is freed.
void mixfuse_pool_destroy(mixfuse_pool *pool);

/// The number of workers the pool was created with.
int64_t mixfuse_pool_workers(const mixfuse_pool *pool);

/// Calls `body` once for every index in 0 ..< count and returns when all calls have returned.
///
/// Fits `mixfuse_parallel.run` with the pool as context. Everything written before the call is
/// visible to the bodies, and everything they write is visible after it. Three cases run on the
/// calling thread alone:
/// - a call from inside a body of the same pool, with that body's worker number (but a loop of one
///   iteration leaves the pool to its body);
/// - a call while another thread is using the pool, as worker 0 (each caller owns its arguments, so
///   equal worker numbers of two callers do not clash);
/// - a call in a forked child on a pool of its parent (a pool that the child creates has threads).
void mixfuse_pool_run(void *pool, int64_t count,
                      void (*body)(void *arguments, int64_t index, int64_t worker),
                      void *arguments);

#endif
