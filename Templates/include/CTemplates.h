// SPDX-License-Identifier: Apache-2.0
//
// The C helpers of Templates/runtime, embedded as text in the compiler.

#pragma once

/// How many helpers there are.
int mixfuse_template_count(void);
/// The symbol that names helper `index`.
const char *mixfuse_template_symbol(int index);
/// The text of helper `index`.
const char *mixfuse_template_text(int index);
