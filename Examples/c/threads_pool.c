// SPDX-License-Identifier: Apache-2.0
//
// The `parallel` callback of the ABI by MixFuse's own pool: the files of Sources/CMixFuseThreads,
// which depend on POSIX threads alone and may be copied (Apache-2.0).
#include <stddef.h>

#include "mixfuse_pool.h"
#include "threads.h"

bool threads_start(mixfuse_parallel *parallel, int workers) {
  mixfuse_pool *const pool = mixfuse_pool_create(workers);
  *parallel = (mixfuse_parallel){mixfuse_pool_run, pool, workers};
  return pool != NULL;
}

void threads_stop(mixfuse_parallel *parallel) { mixfuse_pool_destroy(parallel->context); }
