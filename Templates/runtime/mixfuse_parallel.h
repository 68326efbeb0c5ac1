// mixfuse_parallel
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// How a generated library asks its caller for parallelism. The library starts no threads of its
// own: it calls `run`, which calls `body` once for every index in 0 ..< count, on any of `workers`
// workers, and returns when all of them have finished.

#ifndef MIXFUSE_PARALLEL_DEFINED
#define MIXFUSE_PARALLEL_DEFINED

// As <stdint.h> has them, for machines that have no headers; equal definitions may be repeated.
#ifdef __INT64_TYPE__
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
#else
#include <stdint.h>
#endif

typedef struct mixfuse_parallel {
  // Calls body(arguments, index, worker) once for every index, in no particular order.
  void (*run)(void *context, int64_t count,
              void (*body)(void *arguments, int64_t index, int64_t worker), void *arguments);
  // Handed to `run` unchanged.
  void *context;
  // At least 1. `body` sees 0 <= worker < workers, and one index at a time on each worker.
  int64_t workers;
} mixfuse_parallel;

#endif
