#!/usr/bin/env bash
# abi.sh check|update [HEADER GOLDEN]: holds runtime/include/concord/plugin.h against the listing of every size, offset,
# type and constant in plugin.golden.
#   check    fails when a line of the golden listing changed or went (plugins in the field would break), and when the
#            header has lines that the listing lacks (growth is deliberate: run update and commit the difference).
#   update   adds the new lines; a struct may grow at its end unless the header calls it FROZEN. Refuses every other
#            change. To break the border on purpose, raise CONCORD_ABI_MAJOR and delete plugin.golden first.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
mode="${1:-check}"
header="${2:-$here/../../runtime/include/concord/plugin.h}"
golden="${3:-$here/plugin.golden}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# Names of the structs whose comment in the header says FROZEN.
frozen_structs() {
  awk '/FROZEN/ { frozen = 1 }
       /^typedef struct [a-z_]+ \{/ { if (frozen) print $3; frozen = 0 }
       /^}/ { frozen = 0 }' "$header"
}


listing() {
  printf '#include "%s"\n' "$header" >"$scratch/header.c"
  gcc -std=c11 -g -gdwarf-4 -fno-eliminate-unused-debug-types -c "$scratch/header.c" -o "$scratch/header.o"
  readelf --debug-dump=info "$scratch/header.o" | awk -f "$here/layout.awk"
  gcc -std=c11 -E -dM "$scratch/header.c" | awk '$2 ~ /^CONCORD_/ && $2 !~ /_H_$/ { $1 = "macro"; print }' | sort
}

# Lines that may be replaced by one with a greater number.
is_growth() {
  local kind="$1" name="$2" old="$3" new
  case "$kind" in
    struct)
      ! frozen_structs | grep -qx "$name" || return 1
      new="$(awk -v name="$name" '$1 == "struct" && $2 == name { print $4 }' "$scratch/now")"
      ;;
    macro)
      [[ "$name" == CONCORD_ABI_MINOR ]] || return 1
      new="$(awk -v name="$name" '$1 == "macro" && $2 == name { print $3 }' "$scratch/now")"
      ;;
    *) return 1 ;;
  esac
  [[ -n "$new" && "${new%u}" -gt "${old%u}" ]]
}

# Prints the golden lines that the header no longer has, growth set apart.
breaks() {
  local line words
  comm -23 <(sort "$golden") <(sort "$scratch/now") | while read -r line; do
    read -ra words <<<"$line"
    is_growth "${words[0]}" "${words[1]}" "${words[-1]}" || printf '%s\n' "$line"
  done
}

additions() { comm -13 <(sort "$golden") <(sort "$scratch/now"); }

main() {
  local broken added
  listing >"$scratch/now"
  [[ "$(wc -l <"$scratch/now")" -gt 0 ]] || { echo "no struct found in $header"; return 1; }
  if [[ ! -e "$golden" && "$mode" == update ]]; then cp "$scratch/now" "$golden"; fi
  broken="$(breaks)"
  added="$(additions)"
  if [[ -n "$broken" ]]; then
    printf 'These lines of %s changed or went; a plugin built before would break:\n%s\nThe header now has:\n%s\n' \
      "$(basename "$golden")" "$broken" "$added"
    return 1
  elif [[ "$mode" == update ]]; then
    cp "$scratch/now" "$golden"
  elif [[ -n "$added" ]]; then
    printf 'The border grew. If that is meant, run ./dev abi-update and commit:\n%s\n' "$added"
    return 1
  fi
  echo "$(wc -l <"$golden") lines agree"
}

main
