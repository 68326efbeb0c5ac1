#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes templates.c: the table of all files in runtime/. Run it after adding or removing a helper;
# a test compares the table with the folder.
set -eu
cd "$(dirname "$0")"
{
  cat <<'TOP'
// SPDX-License-Identifier: Apache-2.0
//
// Embeds the helpers of runtime/. Written by update_table.sh: do not edit.

#include "CTemplates.h"

struct template {
  const char *symbol;
  const unsigned char *text;
};

TOP
  for file in runtime/*.h; do
    symbol=$(basename "$file" .h)
    printf 'static const unsigned char text_%s[] = {\n#embed "%s"\n    , 0};\n' "$symbol" "$file"
  done
  printf '\nstatic const struct template templates[] = {\n'
  for file in runtime/*.h; do
    symbol=$(basename "$file" .h)
    printf '    {"%s", text_%s},\n' "$symbol" "$symbol"
  done
  cat <<'END'
};

int mixfuse_template_count(void) { return (int)(sizeof templates / sizeof templates[0]); }

const char *mixfuse_template_symbol(int index) { return templates[index].symbol; }

const char *mixfuse_template_text(int index) { return (const char *)templates[index].text; }
END
} > templates.c
