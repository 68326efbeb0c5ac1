// SPDX-License-Identifier: Apache-2.0
//
// Meta-trains maml_sinusoid from C: every outer step draws new sinusoids, calls the compiled
// meta-gradient and takes a step of Adam. Nothing but the generated header and library is needed;
// threads come from threads.h, one line of which says who provides them.
//
//     train [OUTER_STEPS [WORKERS]]
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "maml_sinusoid.h"
#include "threads.h"

enum {
  HIDDEN = maml_sinusoid_DIM_hidden,
  TASKS = maml_sinusoid_DIM_tasks,
  POINTS = maml_sinusoid_DIM_points,
  PARAMETERS = 3 * HIDDEN + HIDDEN * HIDDEN + HIDDEN + 1
};

// The meta parameters, and what is kept of each: the fields of the inputs and outputs point to them.
typedef struct {
  float w1[HIDDEN], b1[HIDDEN], w2[HIDDEN * HIDDEN], b2[HIDDEN], w3[HIDDEN], b3[1];
} parameters;
_Static_assert(sizeof(parameters) == PARAMETERS * sizeof(float), "one array of floats");

static parameters eta, gradient, momentum, variance;
static float x_support[TASKS * POINTS], y_support[TASKS * POINTS];
static float x_query[TASKS * POINTS], y_query[TASKS * POINTS];

// Uniform in [0, 1): splitmix64.
static float uniform(void) {
  static uint64_t state = 1;
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (float)((z ^ z >> 31) >> 40) * 0x1p-24f;
}

static void draw_weights(float *weights, int count, float limit) {
  for (int i = 0; i < count; i++) weights[i] = limit * (2 * uniform() - 1);
}

static void draw_tasks(void) {
  for (int task = 0; task < TASKS; task++) {
    const float amplitude = 0.1f + 4.9f * uniform(), phase = 3.1415927f * uniform();
    for (int i = task * POINTS; i < (task + 1) * POINTS; i++) {
      x_support[i] = 10 * uniform() - 5;
      y_support[i] = amplitude * sinf(x_support[i] - phase);
      x_query[i] = 10 * uniform() - 5;
      y_query[i] = amplitude * sinf(x_query[i] - phase);
    }
  }
}

static void adam(int step) {
  float *const e = (float *)&eta, *const m = (float *)&momentum, *const v = (float *)&variance;
  const float *const g = (const float *)&gradient;
  const float m_scale = 1 / (1 - powf(0.9f, (float)step));
  const float v_scale = 1 / (1 - powf(0.999f, (float)step));
  for (int i = 0; i < PARAMETERS; i++) {
    m[i] += 0.1f * (g[i] - m[i]);
    v[i] += 0.001f * (g[i] * g[i] - v[i]);
    e[i] -= 1e-3f * m[i] * m_scale / (sqrtf(v[i] * v_scale) + 1e-8f);
  }
}

int main(int argument_count, char **arguments) {
  const int steps = argument_count > 1 ? atoi(arguments[1]) : 2000;
  const int workers = argument_count > 2 ? atoi(arguments[2]) : 2;
  if (steps < 1 || workers < 1) {
    fprintf(stderr, "usage: train [OUTER_STEPS [WORKERS]], both at least 1\n");
    return 1;
  }

  // All memory that calls need besides their arrays; a null `parallel` means the caller's thread.
  const size_t arena_bytes = maml_sinusoid_meta_gradient_ARENA_BYTES +
                             (size_t)workers * maml_sinusoid_meta_gradient_WORKER_ARENA_BYTES;
  const size_t alignment = maml_sinusoid_ARENA_ALIGNMENT;
  void *const arena = aligned_alloc(alignment, (arena_bytes + alignment - 1) / alignment * alignment);
  mixfuse_parallel parallel;
  if (arena == NULL || !threads_start(&parallel, workers)) {
    fprintf(stderr, "no memory or no threads for %d workers\n", workers);
    return 1;
  }

  draw_weights(eta.w1, HIDDEN, sqrtf(6.0f / 1));
  draw_weights(eta.w2, HIDDEN * HIDDEN, sqrtf(6.0f / HIDDEN));
  draw_weights(eta.w3, HIDDEN, sqrtf(6.0f / (HIDDEN + 1)));

  float loss, mean = 0;
  const maml_sinusoid_meta_gradient_inputs inputs = {
      .eta_w1 = eta.w1, .eta_b1 = eta.b1, .eta_w2 = eta.w2, .eta_b2 = eta.b2,
      .eta_w3 = eta.w3, .eta_b3 = eta.b3, .x_support = x_support, .y_support = y_support,
      .x_query = x_query, .y_query = y_query};
  const maml_sinusoid_meta_gradient_outputs outputs = {
      .loss = &loss, .grad_w1 = gradient.w1, .grad_b1 = gradient.b1, .grad_w2 = gradient.w2,
      .grad_b2 = gradient.b2, .grad_w3 = gradient.w3, .grad_b3 = gradient.b3};
  int status = 0;
  for (int step = 1; step <= steps && status == 0; step++) {
    draw_tasks();
    status = maml_sinusoid_meta_gradient(&inputs, &outputs, arena, &parallel);
    adam(step);
    mean += (loss - mean) / (float)((step - 1) % 100 + 1);
    if (step % 100 == 0) {
      printf("%6d outer steps, mean loss after one inner step: %.4f\n", step, (double)mean);
      mean = 0;
    }
  }
  if (status != 0) fprintf(stderr, "the meta-gradient returned %d, see the header\n", status);
  threads_stop(&parallel);
  free(arena);
  return status;
}
