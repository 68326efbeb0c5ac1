// mf_share_out
// requires: mf_parallel_for
// SPDX-License-Identifier: Apache-2.0
//
// A kernel call whose units are shared out over the caller's workers. Each part runs a contiguous
// range of units, so results do not depend on how many parts there are.

typedef struct {
  void *arrays[40];
  int64_t indices[4];
  int64_t units;
  int64_t parts;
  int64_t worker_bytes;  // Distance between the workers' parts of the last array, if not shared.
} mf_call;

static void mf_share_out(const mixfuse_parallel *parallel, int64_t units,
                         void (*body)(void *arguments, int64_t index, int64_t worker),
                         mf_call *call) {
  call->units = units;
  call->parts = mf_parts(parallel, units);
  mf_parallel_for(parallel, call->parts, body, call);
}
