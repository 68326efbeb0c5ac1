// mf_refuse
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Ends a call whose positions are out of range: the arena, of which nothing is needed any more,
// begins with the number of the check, the place of the element and its value.

__attribute__((noinline, cold)) static int32_t mf_refuse(
    void *arena, int64_t check, int64_t position, int64_t value) {
  const int64_t record[3] = {check, position, value};
  __builtin_memcpy(arena, record, sizeof record);
  return 2;
}
