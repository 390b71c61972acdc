#!/usr/bin/env bash
# symbols.sh LIBRARY SCRATCH: no object of the library may end the process, write to a console or install signal handlers
# (DESIGN D7), as far as its own undefined symbols tell. First it makes sure that the check itself can fail.
set -euo pipefail
library="$1" scratch="$2"

forbidden='abort|exit|_exit|_Exit|quick_exit|atexit|__assert_fail|system|popen|signal|sigaction|raise|kill'
forbidden+='|v?f?printf|__v?f?printf_chk|puts|fputs|putchar|putc|perror|psignal|stdout|stderr|stdin'
forbidden+='|_ZSt4cout|_ZSt4cerr|_ZSt4clog'

# "object: symbol" for every forbidden one.
offences() {
  nm -A --undefined-only "$1" | awk -v forbidden="^(${forbidden})\$" '
    { symbol = $NF; sub(/@.*/, "", symbol) }
    symbol ~ forbidden { object = $1; sub(/^.*\//, "", object); print object " " symbol }' | sort -u
}

check_itself() {
  mkdir -p "$scratch"
  printf '#include <stdio.h>\n#include <stdlib.h>\nvoid f(int x) { printf("%%d", x); if (x) abort(); exit(x); }\n' |
    gcc -x c -c -O2 - -o "$scratch/bad.o"
  printf '#include <stdio.h>\nvoid f(char* s, int x) { snprintf(s, 8, "%%d", x); }\n' | gcc -x c -c -O2 - -o "$scratch/good.o"
  [[ "$(offences "$scratch/bad.o" | wc -l)" -eq 3 && -z "$(offences "$scratch/good.o")" ]] ||
    { echo "the check does not see what it should"; exit 1; }
}

check_itself
found="$(offences "$library")"
if [[ -n "$found" ]]; then
  printf 'These objects of %s call what a library must not; return a status or use the log callback:\n%s\n' \
    "$(basename "$library")" "$found"
  exit 1
fi
echo "$(nm -A --undefined-only "$library" | wc -l) undefined symbols, none of them forbidden"
