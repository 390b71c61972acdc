#!/usr/bin/env bash
# header_test.sh HEADER GOLDEN: the header compiles alone, as C11 and as C++17, with every compiler here, without a warning
# and without padding; and each of them gives every size, offset and constant of the golden listing.
set -euo pipefail
header="$1" golden="$2"

assertions() {
  printf '#include "%s"\n#include <stddef.h>\n#ifndef __cplusplus\n#define static_assert _Static_assert\n#endif\n' "$header"
  awk '$1 == "struct" { printf "static_assert(sizeof(%s) == %s, \"%s\");\n", $2, $4, $2 }
       $1 == "constant" { printf "static_assert(%s == %s, \"%s\");\n", $2, $3, $2 }
       $1 == "field" { split($2, part, ".")
         printf "static_assert(offsetof(%s, %s) == %s && sizeof(((%s*)0)->%s) == %s, \"%s\");\n",
           part[1], part[2], $4, part[1], part[2], $6, $2 }' "$golden"
}

warnings=(-Wall -Wextra -Wpadded -Wpedantic -Werror)
check=(-fsyntax-only -I"$(dirname "$header")/..")
for compiler in gcc clang-14; do
  command -v "$compiler" >/dev/null || { echo "$compiler: not installed"; continue; }
  for language in "c c11" "c++ c++17"; do
    read -r name standard <<<"$language"
    echo "#include \"$header\"" | "$compiler" -x "$name" -std="$standard" "${warnings[@]}" "${check[@]}" -
    assertions | "$compiler" -x "$name" -std="$standard" -Wno-invalid-offsetof "${check[@]}" -
    echo "$compiler $standard: agrees"
  done
done
