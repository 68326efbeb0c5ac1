// SPDX-License-Identifier: Apache-2.0
//
// What the emitted attention kernels and the benchmark's driver share; `real` is defined before.

typedef struct attention_case {
  const char *title;
  void (*kernel)(real **pointers, int64_t begin, int64_t end);
  const char *arrays; // a letter for each: q like queries, k like keys, l row statistics
  int64_t sizes[5];   // batch, sequence, heads, key heads, width
  int64_t split_count;
  int64_t scratch_bytes;
  int64_t useful_flops;
} attention_case;

extern const attention_case cases[];
extern const int case_count;
