// mf_fault
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// The position out of range that a call reports: of the check with the least number, the element at
// the least place, and of what stood there at different times the least value. So it is the same
// one whichever worker finds which, and in whatever order.

typedef struct {
  int64_t check;  // -1 while all positions were in range.
  int64_t position;
  int32_t value;
  int32_t lock;
} mf_fault;

__attribute__((noinline, cold, unused)) static void mf_note_fault(
    mf_fault *fault, int64_t check, int64_t position, int32_t value) {
  while (__atomic_exchange_n(&fault->lock, 1, __ATOMIC_ACQUIRE)) {
  }
  int is_first = fault->check < 0 || check < fault->check;
  if (check == fault->check) {
    is_first = position < fault->position ||
               (position == fault->position && value < fault->value);
  }
  if (is_first) {
    fault->check = check;
    fault->position = position;
    fault->value = value;
  }
  __atomic_store_n(&fault->lock, 0, __ATOMIC_RELEASE);
}
