// SPDX-License-Identifier: Apache-2.0
//
// Forks with a pool whose threads are at work, asleep, or inside of a loop, and uses and destroys
// that pool in the child. Exit status 0 if every child and the parent computed what they should;
// an alarm ends a child that hangs.

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mixfuse_pool.h"

enum { WORKERS = 4, COUNT = 1000 };

static void add_index(void *arguments, int64_t index, int64_t worker) {
  (void)worker;
  atomic_fetch_add((_Atomic int64_t *)arguments, index);
}

/// Whether a loop on the pool visits every index once.
static int runs(mixfuse_pool *pool) {
  _Atomic int64_t sum = 0;
  mixfuse_pool_run(pool, COUNT, add_index, &sum);
  return sum == (int64_t)COUNT * (COUNT - 1) / 2;
}

/// What a child does with its parent's pool, and with one of its own; does not return.
static void be_child(mixfuse_pool *pool) {
  alarm(20);
  int good = runs(pool) && runs(pool);
  mixfuse_pool *const own = mixfuse_pool_create(WORKERS);
  good = good && own != NULL && runs(own);
  // A grandchild inherits both.
  const pid_t grandchild = fork();
  if (grandchild == 0) {
    alarm(20);
    good = runs(pool) && runs(own);
    mixfuse_pool_destroy(own);
    mixfuse_pool_destroy(pool);
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(grandchild, &status, 0);
  mixfuse_pool_destroy(own);
  mixfuse_pool_destroy(pool);
  _exit(good && status == 0 ? 0 : 1);
}

static int child_is_good(mixfuse_pool *pool) {
  const pid_t child = fork();
  if (child == 0) be_child(pool);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 0;
  if (status != 0) fprintf(stderr, "a child ended with status %#x\n", (unsigned)status);
  return status == 0;
}

typedef struct inside {
  mixfuse_pool *pool;
  _Atomic int failures;
} inside;

static void fork_inside(void *arguments, int64_t index, int64_t worker) {
  (void)worker;
  inside *const state = arguments;
  if (index % 5 == 0 && !child_is_good(state->pool)) atomic_fetch_add(&state->failures, 1);
}

int main(void) {
  mixfuse_pool *const pool = mixfuse_pool_create(WORKERS);
  if (pool == NULL) return 1;
  for (int round = 0; round < 20; round++) {
    // At once the threads still spin; a little later they sleep.
    if (round % 2 == 0) usleep(2000);
    if (!child_is_good(pool) || !runs(pool)) return 1;
  }
  inside state = {.pool = pool};
  mixfuse_pool_run(pool, 20, fork_inside, &state);
  if (state.failures != 0 || !runs(pool)) return 1;
  mixfuse_pool_destroy(pool);
  return 0;
}
