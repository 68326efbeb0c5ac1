// mf_position
// requires: mf_fault
// SPDX-License-Identifier: Apache-2.0
//
// `value` if it is in 0 ... limit - 1, else the nearest number that is; that is noted then.

static inline int32_t mf_position(int32_t value, int32_t limit, int64_t check, int64_t position,
                                  int32_t *faults) {
  if (__builtin_expect(value >= 0 && value < limit, 1)) {
    return value;
  }
  mf_note_fault((mf_fault *)(void *)faults, check, position, value);
  return value < 0 ? 0 : limit - 1;
}
