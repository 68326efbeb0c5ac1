// SPDX-License-Identifier: Apache-2.0
//
// How a generated library asks its caller for parallelism. The library starts no threads of its
// own: it calls `run`, which calls `body` once for every index in 0 ..< count, on any of `workers`
// workers, and returns when all of them have finished. Generated headers repeat this declaration
// behind the same include guard, so that a library needs no header of ours.
#ifndef MIXFUSE_PARALLEL_DEFINED
#define MIXFUSE_PARALLEL_DEFINED

#include <stdint.h>

typedef struct mixfuse_parallel {
  /// Calls body(arguments, index, worker) once for every index in 0 ..< count, in no particular
  /// order.
  void (*run)(void *context, int64_t count,
              void (*body)(void *arguments, int64_t index, int64_t worker), void *arguments);
  /// Handed to `run` unchanged; for the pool of this module, the pool.
  void *context;
  /// At least 1. `body` sees 0 <= worker < workers, and one index at a time on each worker.
  int64_t workers;
} mixfuse_parallel;

#endif
