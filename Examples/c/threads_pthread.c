// SPDX-License-Identifier: Apache-2.0
//
// The `parallel` callback of the ABI by POSIX threads alone: 90 lines that are correct and easy to
// follow. threads_pool.c does the same with MixFuse's own pool, which starts loops in a microsecond.
#include <pthread.h>
#include <stdlib.h>

#include "threads.h"

typedef void loop_body(void *arguments, int64_t index, int64_t worker);

typedef struct crew crew;
typedef struct {
  crew *crew;
  int64_t number;
} worker;

struct crew {
  pthread_mutex_t mutex;
  pthread_cond_t work, finished;
  // The loop that is being done: its number, what is left of it, and who still works on it.
  uint64_t loop;
  loop_body *body;
  void *arguments;
  int64_t next, count, busy;
  bool stopping;
  int64_t workers;
  pthread_t *threads;
  worker *members;
};

// Takes iterations one by one; called and left with the mutex held.
static void take_part(crew *crew, int64_t number) {
  while (crew->next < crew->count) {
    const int64_t index = crew->next++;
    loop_body *const body = crew->body;
    void *const arguments = crew->arguments;
    pthread_mutex_unlock(&crew->mutex);
    body(arguments, index, number);
    pthread_mutex_lock(&crew->mutex);
  }
}

static void *serve(void *argument) {
  worker *const self = argument;
  crew *const crew = self->crew;
  uint64_t seen = 0;
  pthread_mutex_lock(&crew->mutex);
  while (true) {
    while (crew->loop == seen && !crew->stopping) pthread_cond_wait(&crew->work, &crew->mutex);
    if (crew->stopping) break;
    seen = crew->loop;
    crew->busy++;
    take_part(crew, self->number);
    if (--crew->busy == 0) pthread_cond_signal(&crew->finished);
  }
  pthread_mutex_unlock(&crew->mutex);
  return NULL;
}

// What the library calls: every index once, by any worker, all done on return. The library itself
// never calls it from inside of a body.
static void run(void *context, int64_t count, loop_body *body, void *arguments) {
  crew *const crew = context;
  pthread_mutex_lock(&crew->mutex);
  crew->body = body;
  crew->arguments = arguments;
  crew->next = 0;
  crew->count = count;
  crew->loop++;
  if (count > 1) pthread_cond_broadcast(&crew->work);
  take_part(crew, 0);
  while (crew->busy > 0) pthread_cond_wait(&crew->finished, &crew->mutex);
  pthread_mutex_unlock(&crew->mutex);
}

bool threads_start(mixfuse_parallel *parallel, int workers) {
  crew *const crew = calloc(1, sizeof *crew);
  if (crew == NULL) return false;
  *parallel = (mixfuse_parallel){run, crew, 1};
  pthread_mutex_init(&crew->mutex, NULL);
  pthread_cond_init(&crew->work, NULL);
  pthread_cond_init(&crew->finished, NULL);
  crew->workers = 1;
  crew->threads = calloc((size_t)workers, sizeof *crew->threads);
  crew->members = calloc((size_t)workers, sizeof *crew->members);
  bool is_complete = crew->threads != NULL && crew->members != NULL;
  while (is_complete && crew->workers < workers) {
    worker *const self = &crew->members[crew->workers];
    *self = (worker){crew, crew->workers};
    is_complete = pthread_create(&crew->threads[crew->workers], NULL, serve, self) == 0;
    if (is_complete) crew->workers++;
  }
  parallel->workers = crew->workers;
  if (!is_complete) threads_stop(parallel);
  return is_complete;
}

void threads_stop(mixfuse_parallel *parallel) {
  crew *const crew = parallel->context;
  pthread_mutex_lock(&crew->mutex);
  crew->stopping = true;
  pthread_cond_broadcast(&crew->work);
  pthread_mutex_unlock(&crew->mutex);
  for (int64_t i = 1; i < crew->workers; i++) pthread_join(crew->threads[i], NULL);
  pthread_mutex_destroy(&crew->mutex);
  pthread_cond_destroy(&crew->work);
  pthread_cond_destroy(&crew->finished);
  free(crew->threads);
  free(crew->members);
  free(crew);
}
