// SPDX-License-Identifier: Apache-2.0
//
// Who does the work of calls: one of the files threads_*.c.
#ifndef THREADS_H
#define THREADS_H

#include <stdbool.h>

#include "maml_sinusoid.h"

/// Starts `workers - 1` threads beside the caller's; false if they cannot be had.
bool threads_start(mixfuse_parallel *parallel, int workers);

/// Ends them.
void threads_stop(mixfuse_parallel *parallel);

#endif
