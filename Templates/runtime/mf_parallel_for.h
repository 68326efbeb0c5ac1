// mf_parallel_for
// requires: mixfuse_parallel
// SPDX-License-Identifier: Apache-2.0
//
// Runs iterations on the caller's workers, or one after the other without them. mf_parts is how
// many parts to make of work that comes in `units` indivisible units: one a worker.

static void mf_parallel_for(const mixfuse_parallel *parallel, int64_t count,
                            void (*body)(void *arguments, int64_t index, int64_t worker),
                            void *arguments) {
  if (parallel && parallel->workers > 1) {
    parallel->run(parallel->context, count, body, arguments);
  } else {
    for (int64_t index = 0; index < count; ++index) {
      body(arguments, index, 0);
    }
  }
}

__attribute__((unused)) static int64_t mf_parts(const mixfuse_parallel *parallel, int64_t units) {
  const int64_t workers = parallel ? parallel->workers : 1;
  return workers < units ? workers : units;
}
