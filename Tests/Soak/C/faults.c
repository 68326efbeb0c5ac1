// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails, for LD_PRELOAD. Only regular files below FAULT_FOLDER are concerned:
//
//   FAULT_BYTES=n    after n bytes in all, writes say that the disk is full
//   FAULT_SHORT=1    writes take part of what they are given
//   FAULT_RENAME=n   the n-th rename fails with an I/O error
//   FAULT_SYNC=n     the n-th fsync fails with an I/O error
//   FAULT_OPEN=n     the n-th file that is opened for writing cannot be made

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long long number(const char *name, long long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? atoll(text) : otherwise;
}

static int is_inside(const char *path) {
  const char *folder = getenv("FAULT_FOLDER");
  if (folder == NULL) return 0;
  char whole[4096];
  if (path[0] != '/') {
    if (getcwd(whole, sizeof whole) == NULL) return 0;
    path = whole;
  }
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int is_concerned(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_inside(path);
}

static long long written;

// How much of `count` bytes fits; 0 if the disk is full.
static size_t fitting(size_t count) {
  long long limit = number("FAULT_BYTES", -1);
  if (getenv("FAULT_SHORT") != NULL && count > 1) count = 1 + (count * 7 / 11) % count;
  if (limit >= 0) {
    long long left = limit - written;
    if (left <= 0) return 0;
    if ((long long)count > left) count = (size_t)left;
  }
  written += (long long)count;
  return count;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  static ssize_t (*original)(int, const void *, size_t);
  if (original == NULL) original = dlsym(RTLD_NEXT, "write");
  if (count == 0 || !is_concerned(descriptor)) return original(descriptor, bytes, count);
  size_t part = fitting(count);
  if (part == 0) {
    errno = ENOSPC;
    return -1;
  }
  return original(descriptor, bytes, part);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  static ssize_t (*original)(int, const void *, size_t, off_t);
  if (original == NULL) original = dlsym(RTLD_NEXT, "pwrite");
  if (count == 0 || !is_concerned(descriptor)) return original(descriptor, bytes, count, offset);
  size_t part = fitting(count);
  if (part == 0) {
    errno = ENOSPC;
    return -1;
  }
  return original(descriptor, bytes, part, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
  return pwrite(descriptor, bytes, count, offset);
}

static int fails(const char *variable, long long *calls) {
  long long position = number(variable, 0);
  return position > 0 && ++*calls == position;
}

int rename(const char *from, const char *to) {
  static int (*original)(const char *, const char *);
  static long long calls;
  if (original == NULL) original = dlsym(RTLD_NEXT, "rename");
  if (is_inside(to) && fails("FAULT_RENAME", &calls)) {
    errno = EIO;
    return -1;
  }
  return original(from, to);
}

int fsync(int descriptor) {
  static int (*original)(int);
  static long long calls;
  if (original == NULL) original = dlsym(RTLD_NEXT, "fsync");
  if (is_concerned(descriptor) && fails("FAULT_SYNC", &calls)) {
    errno = EIO;
    return -1;
  }
  return original(descriptor);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
  static long long calls;
  int (*original)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
  if ((flags & O_ACCMODE) != O_RDONLY && is_inside(path) && fails("FAULT_OPEN", &calls)) {
    errno = ENOSPC;
    return -1;
  }
  return original(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return opened("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return opened("open64", path, flags, mode);
}
