// SPDX-License-Identifier: Apache-2.0
//
// Calls the entry points of a generated library once each, with every array in a block of its own
// size, so that AddressSanitizer sees each step outside. Reads inputs.bin, writes outputs.bin; what
// to call stands in program.h, which the soak writes.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t (*call)(const void *, const void *, void *, const void *);

struct program {
  call function;
  int inputs, outputs;
  size_t arena;
  size_t input_bytes[200], output_bytes[200];
};

#include "program.h"

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(2);
}

static void *block(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) fail("no memory");
  memset(memory, 0xFF, bytes);
  return memory;
}

static void run(const struct program *program, FILE *in, FILE *out) {
  void *inputs[200], *outputs[200];
  for (int i = 0; i < program->inputs; i++) {
    inputs[i] = block(program->input_bytes[i]);
    size_t count = program->input_bytes[i];
    if (fread(inputs[i], 1, count, in) != count) fail("inputs.bin is too short");
  }
  for (int i = 0; i < program->outputs; i++) outputs[i] = block(program->output_bytes[i]);
  void *arena = NULL;
  if (posix_memalign(&arena, 64, program->arena > 0 ? program->arena : 1) != 0) fail("no memory");
  memset(arena, 0xFF, program->arena > 0 ? program->arena : 1);
  if (program->function(inputs, outputs, arena, NULL) != 0) fail("the call did not return 0");
  for (int i = 0; i < program->outputs; i++) {
    size_t count = program->output_bytes[i];
    if (fwrite(outputs[i], 1, count, out) != count) fail("outputs.bin cannot be written");
  }
  for (int i = 0; i < program->inputs; i++) free(inputs[i]);
  for (int i = 0; i < program->outputs; i++) free(outputs[i]);
  free(arena);
}

int main(void) {
  FILE *in = fopen("inputs.bin", "rb"), *out = fopen("outputs.bin", "wb");
  if (in == NULL || out == NULL) fail("inputs.bin or outputs.bin cannot be opened");
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) run(&programs[i], in, out);
  fclose(in);
  return fclose(out) == 0 ? 0 : 2;
}
