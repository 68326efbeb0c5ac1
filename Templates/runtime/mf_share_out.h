// mf_share_out
// requires: mf_parallel_for
// SPDX-License-Identifier: Apache-2.0
//
// A kernel call whose units are shared out over the caller's workers. Each part runs a contiguous
// range of units, so results do not depend on how many parts there are. `worker_bytes` is the
// distance between the workers' parts of the last array; 0 if they share it.

typedef struct {
  void *const *arrays;
  const int64_t *indices;
  int64_t worker_bytes;
  int64_t units;
  int64_t parts;
} mf_call;

static void mf_share_out(const mixfuse_parallel *parallel, int64_t units,
                         void (*body)(void *arguments, int64_t index, int64_t worker),
                         void *const *arrays, const int64_t *indices, int64_t worker_bytes) {
  mf_call call = {arrays, indices, worker_bytes, units, mf_parts(parallel, units)};
  mf_parallel_for(parallel, call.parts, body, &call);
}
