// SPDX-License-Identifier: Apache-2.0
//
// What the emitted programs and the benchmark's driver share; `mixfuse_parallel` is defined before.

typedef struct nest_array {
  int64_t bytes;
  int64_t float_bytes; // of an element; 0 for an i32
  int64_t bound;       // of row indices; 0 if there is none
} nest_array;

typedef struct nest_case {
  const char *title;
  const char *shape; // of the first input
  int32_t (*run)(const void *const *inputs, void *const *outputs, void *arena,
                 const mixfuse_parallel *parallel);
  const nest_array *arrays; // inputs, then outputs
  int inputs;
  int outputs;
  int64_t arena_bytes;
  int64_t worker_bytes;
  int64_t flops;
} nest_case;

extern const nest_case cases[];
extern const int case_count;
