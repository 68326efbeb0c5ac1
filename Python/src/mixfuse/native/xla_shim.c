// SPDX-License-Identifier: Apache-2.0
//
// One handler of XLA's foreign function interface for every entry point of every MixFuse library:
// XLA's buffers are the library's arrays, nothing is copied. The attributes are numbers: `entry` is
// the function's address, `arena` the bytes of its arena, `parallel` the address of a
// `mixfuse_parallel` or 0.
//
// Calls may come from several threads at once. Each thread keeps the arena of its largest call, so
// that repeated calls allocate nothing; it is given back when the thread ends.

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

typedef int32_t entry_point(const void *const *, void *const *, void *, const void *);

enum { alignment = 64, most_arrays = 4096 };

static pthread_key_t arena_key;
static pthread_once_t arena_once = PTHREAD_ONCE_INIT;

typedef struct {
  size_t size;
  void *bytes;
} kept_arena;

static void free_arena(void *kept) {
  free(((kept_arena *)kept)->bytes);
  free(kept);
}

static void make_key(void) { pthread_key_create(&arena_key, free_arena); }

// The calling thread's arena of at least so many bytes; null if there is no memory.
static void *arena_of(size_t size) {
  pthread_once(&arena_once, make_key);
  kept_arena *kept = pthread_getspecific(arena_key);
  if (!kept) {
    kept = calloc(1, sizeof *kept);
    if (!kept || pthread_setspecific(arena_key, kept) != 0) {
      free(kept);
      return NULL;
    }
  }
  if (kept->size < size) {
    free(kept->bytes);
    kept->size = (size + alignment - 1) / alignment * alignment;
    kept->bytes = aligned_alloc(alignment, kept->size);
    if (!kept->bytes) kept->size = 0;
  }
  return kept->bytes;
}

static XLA_FFI_Error *fail(const XLA_FFI_Api *api, XLA_FFI_Error_Code code, const char *message) {
  XLA_FFI_Error_Create_Args arguments = {
      XLA_FFI_Error_Create_Args_STRUCT_SIZE, NULL, message, code};
  return api->XLA_FFI_Error_Create(&arguments);
}

static int64_t attribute(const XLA_FFI_CallFrame *frame, const char *name) {
  for (int64_t i = 0; i < frame->attrs.size; i++) {
    const XLA_FFI_ByteSpan *found = frame->attrs.names[i];
    if (found->len == strlen(name) && memcmp(found->ptr, name, found->len) == 0) {
      return *(const int64_t *)((const XLA_FFI_Scalar *)frame->attrs.attrs[i])->value;
    }
  }
  return 0;
}

__attribute__((visibility("default"))) XLA_FFI_Error *mixfuse_xla_call(XLA_FFI_CallFrame *frame) {
  for (XLA_FFI_Extension_Base *x = frame->extension_start; x; x = x->next) {
    if (x->type != XLA_FFI_Extension_Metadata) continue;
    // Registration asks for the version.
    XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)x)->metadata;
    metadata->api_version.struct_size = XLA_FFI_Api_Version_STRUCT_SIZE;
    metadata->api_version.extension_start = NULL;
    metadata->api_version.major_version = XLA_FFI_API_MAJOR;
    metadata->api_version.minor_version = XLA_FFI_API_MINOR;
    metadata->traits = 0;
    return NULL;
  }
  const int64_t inputs = frame->args.size, outputs = frame->rets.size;
  if (inputs > most_arrays || outputs > most_arrays) {
    return fail(frame->api, XLA_FFI_Error_Code_INVALID_ARGUMENT, "MixFuse: too many arrays");
  }
  const void *in[inputs + 1];
  void *out[outputs + 1];
  for (int64_t i = 0; i < inputs; i++) in[i] = ((XLA_FFI_Buffer *)frame->args.args[i])->data;
  for (int64_t i = 0; i < outputs; i++) out[i] = ((XLA_FFI_Buffer *)frame->rets.rets[i])->data;
  void *arena = arena_of((size_t)attribute(frame, "arena"));
  if (!arena) {
    return fail(
        frame->api, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "MixFuse: no memory for the arena");
  }
  entry_point *entry = (entry_point *)(intptr_t)attribute(frame, "entry");
  const void *parallel = (const void *)(intptr_t)attribute(frame, "parallel");
  const int32_t code = entry(in, out, arena, parallel);
  if (code == 0) return NULL;
  char message[160];
  if (code == 2) {
    int64_t record[3];
    memcpy(record, arena, sizeof record);
    snprintf(message, sizeof message,
             "MixFuse: check %lld: element %lld is %lld, which is out of range",
             (long long)record[0], (long long)record[1], (long long)record[2]);
    return fail(frame->api, XLA_FFI_Error_Code_OUT_OF_RANGE, message);
  }
  snprintf(message, sizeof message, "MixFuse: a function returned %d", code);
  return fail(frame->api, XLA_FFI_Error_Code_INTERNAL, message);
}
