// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a 32-bit word to change: a futex on Linux, a condition variable elsewhere. Both may
// return without a change (spuriously), so callers loop.
#ifndef MIXFUSE_WORD_WAIT_H
#define MIXFUSE_WORD_WAIT_H

#include <stdatomic.h>
#include <stdint.h>

#if defined(__linux__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct word_waiters {
  char unused;  // C has no empty structures
} word_waiters;

static inline void word_waiters_init(word_waiters *waiters) { waiters->unused = 0; }

static inline void word_waiters_destroy(word_waiters *waiters) { waiters->unused = 0; }

/// Sleeps until a wake-up, unless `*word` already differs from `seen`.
static inline void word_wait(word_waiters *waiters, _Atomic uint32_t *word, uint32_t seen) {
  (void)waiters;
  // Every failure (value changed, interrupted) means "look again", which the caller does.
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

/// Wakes everyone asleep on `word`; call it after changing the word.
static inline void word_wake_all(word_waiters *waiters, _Atomic uint32_t *word) {
  (void)waiters;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

#else

#include <pthread.h>

typedef struct word_waiters {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} word_waiters;

static inline void word_waiters_init(word_waiters *waiters) {
  pthread_mutex_init(&waiters->mutex, NULL);
  pthread_cond_init(&waiters->changed, NULL);
}

static inline void word_waiters_destroy(word_waiters *waiters) {
  pthread_cond_destroy(&waiters->changed);
  pthread_mutex_destroy(&waiters->mutex);
}

/// Sleeps until a wake-up, unless `*word` already differs from `seen`.
static inline void word_wait(word_waiters *waiters, _Atomic uint32_t *word, uint32_t seen) {
  pthread_mutex_lock(&waiters->mutex);
  if (atomic_load(word) == seen) {
    pthread_cond_wait(&waiters->changed, &waiters->mutex);
  }
  pthread_mutex_unlock(&waiters->mutex);
}

/// Wakes everyone asleep on `word`; call it after changing the word.
static inline void word_wake_all(word_waiters *waiters, _Atomic uint32_t *word) {
  (void)word;
  // Taking the mutex orders this after a waiter's comparison, so the waiter is either asleep or
  // sees the new value.
  pthread_mutex_lock(&waiters->mutex);
  pthread_cond_broadcast(&waiters->changed);
  pthread_mutex_unlock(&waiters->mutex);
}

#endif

#endif
