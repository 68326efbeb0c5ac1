// SPDX-License-Identifier: Apache-2.0
//
// One XLA FFI handler for every entry point of every MixFuse library. An entry point takes two
// tables of pointers, and XLA hands over buffers: filling the tables is all there is to do, nothing
// is copied.
//
// Compiled programs name an entry point by a key, which is a digest of its library's manifest, and
// not by an address: a program that JAX keeps in a cache of files finds the right function in
// another process, or none.
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

typedef int32_t entry_function(const void *const *inputs, void *const *outputs, void *arena,
                               const void *parallel);

// A check of positions, as the manifest describes it: `origin` (where the spec asks for it, with a
// colon, or nothing) and `expectation` are the parts of its message around the element.
typedef struct position_check {
  const char *origin;
  const char *subject;
  const char *expectation;
  int64_t rank;
  const int64_t *shape;
} position_check;

// What Python knows of an entry point. It is written before its key is known to anyone and never
// changed or freed after that.
typedef struct entry_description {
  int64_t key;
  const char *where;
  entry_function *function;
  const void *parallel;
  int64_t arena_bytes;
  int64_t input_count;
  int64_t output_count;
  int64_t check_count;
  const position_check *checks;
} entry_description;

// Memory that one call at a time uses: the arena, and the tables in front of it.
typedef struct workspace {
  struct workspace *next;
  const void **inputs;
  void **outputs;
  void *arena;
} workspace;

typedef struct entry {
  struct entry *next;
  const entry_description *description;
  workspace *idle;
} entry;

enum { arena_alignment = 64, message_bytes = 1024, record_bytes = 24 };

// Guards the list of entries and each entry's list of idle workspaces: held for a few instructions.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry *entries = NULL;

static entry *find_locked(int64_t key) {
  entry *found = entries;
  while (found != NULL && found->description->key != key) {
    found = found->next;
  }
  return found;
}

/// Makes an entry point known under its key. Returns 1; 0 if it was known; -1 without memory.
int32_t mixfuse_jax_register(const entry_description *description) {
  entry *made = calloc(1, sizeof *made);
  if (made == NULL) {
    return -1;
  }
  made->description = description;
  pthread_mutex_lock(&lock);
  const int is_known = find_locked(description->key) != NULL;
  if (!is_known) {
    made->next = entries;
    entries = made;
  }
  pthread_mutex_unlock(&lock);
  if (is_known) {
    free(made);
  }
  return !is_known;
}

static size_t rounded(size_t bytes) {
  return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

static workspace *new_workspace(const entry_description *description) {
  const size_t inputs = (size_t)description->input_count * sizeof(void *);
  const size_t outputs = (size_t)description->output_count * sizeof(void *);
  const size_t tables = rounded(sizeof(workspace) + inputs + outputs);
  const size_t arena = rounded((size_t)description->arena_bytes + record_bytes);
  char *memory = aligned_alloc(arena_alignment, tables + arena);
  if (memory == NULL) {
    return NULL;
  }
  workspace *made = (workspace *)memory;
  made->next = NULL;
  made->inputs = (const void **)(memory + sizeof(workspace));
  made->outputs = (void **)(memory + sizeof(workspace) + inputs);
  made->arena = memory + tables;
  return made;
}

// As many workspaces come into being as calls of the entry point ever ran at once.
static workspace *borrow(entry *from) {
  pthread_mutex_lock(&lock);
  workspace *idle = from->idle;
  if (idle != NULL) {
    from->idle = idle->next;
  }
  pthread_mutex_unlock(&lock);
  return idle != NULL ? idle : new_workspace(from->description);
}

static void give_back(entry *to, workspace *used) {
  pthread_mutex_lock(&lock);
  used->next = to->idle;
  to->idle = used;
  pthread_mutex_unlock(&lock);
}

static XLA_FFI_Error *failure(const XLA_FFI_Api *api, XLA_FFI_Error_Code code, const char *format,
                              ...) {
  char message[message_bytes];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  XLA_FFI_Error_Create_Args request = {
      .struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE, .message = message, .errc = code};
  return api->XLA_FFI_Error_Create(&request);
}

// "element [3, 0] of ", or nothing for an array without dimensions.
static void write_element(char *text, size_t size, const position_check *check, int64_t position) {
  int64_t count = 1;
  for (int64_t axis = 0; axis < check->rank; axis++) {
    count *= check->shape[axis];
  }
  size_t length = 0;
  text[0] = 0;
  for (int64_t axis = 0; axis < check->rank && length < size; axis++) {
    count /= check->shape[axis];
    length += (size_t)snprintf(text + length, size - length, "%s%lld",
                               axis == 0 ? "element [" : ", ", (long long)(position / count));
    position %= count;
  }
  if (check->rank > 0 && length < size) {
    snprintf(text + length, size - length, "] of ");
  }
}

static XLA_FFI_Error *refused(const XLA_FFI_Api *api, const entry_description *description,
                              int32_t status, const void *arena) {
  int64_t record[3];
  memcpy(record, arena, sizeof record);
  const int is_told = status == 2 && record[0] >= 0 && record[0] < description->check_count;
  if (!is_told) {
    const char *reason = status == 2 ? "an index array holds a value that is out of range"
                         : status == 1 ? "a null or misaligned argument"
                                       : "the library does not belong to this manifest";
    return failure(api, XLA_FFI_Error_Code_INTERNAL, "%s: the library returned status %d: %s",
                   description->where, (int)status, reason);
  }
  const position_check *check = &description->checks[record[0]];
  char element[message_bytes / 4];
  write_element(element, sizeof element, check, record[1]);
  return failure(api, XLA_FFI_Error_Code_INVALID_ARGUMENT, "%s: %s%s%s is %lld, expected %s",
                 description->where, check->origin, element, check->subject, (long long)record[2],
                 check->expectation);
}

static int64_t key_attribute(const XLA_FFI_Attrs *attributes) {
  for (int64_t i = 0; i < attributes->size; i++) {
    const XLA_FFI_ByteSpan *name = attributes->names[i];
    if (name->len == 3 && memcmp(name->ptr, "key", 3) == 0) {
      return *(const int64_t *)((const XLA_FFI_Scalar *)attributes->attrs[i])->value;
    }
  }
  return 0;
}

static void write_metadata(XLA_FFI_Metadata *metadata) {
  metadata->api_version.struct_size = XLA_FFI_Api_Version_STRUCT_SIZE;
  metadata->api_version.extension_start = NULL;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  metadata->traits = 0;
}

static XLA_FFI_Error *call(XLA_FFI_CallFrame *frame, entry *called) {
  const entry_description *description = called->description;
  workspace *space = borrow(called);
  if (space == NULL) {
    return failure(frame->api, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED,
                   "%s: cannot allocate %lld bytes of arena", description->where,
                   (long long)description->arena_bytes);
  }
  for (int64_t i = 0; i < frame->args.size; i++) {
    space->inputs[i] = ((const XLA_FFI_Buffer *)frame->args.args[i])->data;
  }
  for (int64_t i = 0; i < frame->rets.size; i++) {
    space->outputs[i] = ((const XLA_FFI_Buffer *)frame->rets.rets[i])->data;
  }
  const int32_t status =
      description->function(space->inputs, space->outputs, space->arena, description->parallel);
  XLA_FFI_Error *error =
      status == 0 ? NULL : refused(frame->api, description, status, space->arena);
  give_back(called, space);
  return error;
}

/// The handler: the attribute `key` says which entry point, operands and results are its arrays.
XLA_FFI_Error *mixfuse_jax_call(XLA_FFI_CallFrame *frame) {
  for (XLA_FFI_Extension_Base *extension = frame->extension_start; extension != NULL;
       extension = extension->next) {
    // Registration asks for the version first, without a call.
    if (extension->type == XLA_FFI_Extension_Metadata) {
      write_metadata(((XLA_FFI_Metadata_Extension *)extension)->metadata);
      return NULL;
    }
  }
  const int64_t key = key_attribute(&frame->attrs);
  pthread_mutex_lock(&lock);
  entry *called = find_locked(key);
  pthread_mutex_unlock(&lock);
  if (called == NULL) {
    return failure(frame->api, XLA_FFI_Error_Code_FAILED_PRECONDITION,
                   "mixfuse: this program calls a library that is not loaded; load it and make "
                   "the function again");
  }
  if (frame->args.size != called->description->input_count ||
      frame->rets.size != called->description->output_count) {
    return failure(frame->api, XLA_FFI_Error_Code_INTERNAL,
                   "%s: XLA gave other numbers of arrays than the library has",
                   called->description->where);
  }
  return call(frame, called);
}
