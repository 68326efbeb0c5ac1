// SPDX-License-Identifier: Apache-2.0
//
// Calls a generated library from C with nothing but its header: links against it, gives it an arena
// and its own way of running things in parallel.
//
//     client INPUTS OUTPUTS
//
// INPUTS holds the arrays of `maml_sinusoid_meta_gradient_inputs`, OUTPUTS gets those of
// `maml_sinusoid_meta_gradient_outputs`: their bytes, one array after the other.

#include "maml_sinusoid.h"

#include <stdio.h>
#include <stdlib.h>

enum { HIDDEN = 40, TASKS = 25, POINTS = 10, ARENA_BYTES = 16 << 20, WORKERS = 3 };

// Runs every index on a worker of its own choice, in an order of its own choice: results must not
// depend on either.
static void run_backwards(void *context, int64_t count,
                          void (*body)(void *arguments, int64_t index, int64_t worker),
                          void *arguments) {
  int64_t *calls = context;
  *calls += 1;
  for (int64_t index = count - 1; index >= 0; index--) body(arguments, index, index % WORKERS);
}

static float *read_array(FILE *file, size_t count) {
  float *array = malloc(count * sizeof(float));
  if (array == NULL || fread(array, sizeof(float), count, file) != count) {
    fprintf(stderr, "the inputs are cut off\n");
    exit(1);
  }
  return array;
}

static void write_array(FILE *file, const float *array, size_t count) {
  if (fwrite(array, sizeof(float), count, file) != count) {
    fprintf(stderr, "the outputs cannot be written\n");
    exit(1);
  }
}

int main(int argument_count, char **arguments) {
  if (argument_count != 3) return 2;
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) return 1;
  const size_t data = TASKS * POINTS;
  maml_sinusoid_meta_gradient_inputs inputs;
  inputs.eta_w1 = read_array(file, HIDDEN);
  inputs.eta_b1 = read_array(file, HIDDEN);
  inputs.eta_w2 = read_array(file, HIDDEN * HIDDEN);
  inputs.eta_b2 = read_array(file, HIDDEN);
  inputs.eta_w3 = read_array(file, HIDDEN);
  inputs.eta_b3 = read_array(file, 1);
  inputs.x_support = read_array(file, data);
  inputs.y_support = read_array(file, data);
  inputs.x_query = read_array(file, data);
  inputs.y_query = read_array(file, data);
  fclose(file);

  float loss[1], w1[HIDDEN], b1[HIDDEN], w2[HIDDEN * HIDDEN], b2[HIDDEN], w3[HIDDEN], b3[1];
  const maml_sinusoid_meta_gradient_outputs outputs = {loss, w1, b1, w2, b2, w3, b3};
  void *arena = aligned_alloc(64, ARENA_BYTES);
  int64_t calls = 0;
  const mixfuse_parallel parallel = {run_backwards, &calls, WORKERS};
  // Without help first, then with it: the second call must give the same.
  float serial_loss;
  if (maml_sinusoid_meta_gradient(&inputs, &outputs, arena, NULL) != 0) return 1;
  serial_loss = loss[0];
  if (maml_sinusoid_meta_gradient(&inputs, &outputs, arena, &parallel) != 0) return 1;
  if (serial_loss != loss[0] || calls == 0) return 1;

  file = fopen(arguments[2], "wb");
  if (file == NULL) return 1;
  write_array(file, loss, 1);
  write_array(file, w1, HIDDEN);
  write_array(file, b1, HIDDEN);
  write_array(file, w2, HIDDEN * HIDDEN);
  write_array(file, b2, HIDDEN);
  write_array(file, w3, HIDDEN);
  write_array(file, b3, 1);
  return fclose(file) == 0 ? 0 : 1;
}
