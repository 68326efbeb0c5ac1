// mf_profile
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// How a library that was built to be profiled times its kernel calls. Each call in the text has an
// entry of a table, which the caller reads and clears between calls; workers may add to one entry
// at the same time. Only such builds have a clock and a table: see `mixfuse bench --profile`.

// Linux's clock, declared here as a machine without headers can build, too.
typedef struct {
  long seconds, nanoseconds;
} mf_profile_time;

int clock_gettime(int clock, mf_profile_time *now);

typedef struct {
  int64_t nanoseconds;
  int64_t calls;
} mf_profile_entry;

static inline int64_t mf_profile_clock(void) {
  const int monotonic = 1;
  mf_profile_time now;
  clock_gettime(monotonic, &now);
  return (int64_t)now.seconds * 1000000000 + now.nanoseconds;
}

static inline void mf_profile_add(mf_profile_entry *entry, int64_t start) {
  __atomic_fetch_add(&entry->nanoseconds, mf_profile_clock() - start, __ATOMIC_RELAXED);
  __atomic_fetch_add(&entry->calls, 1, __ATOMIC_RELAXED);
}
