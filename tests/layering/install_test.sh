#!/usr/bin/env bash
# install_test.sh INSTALL_SH SCRATCH: third_party/install.sh as root, as a user with sudo and as neither, with stand-ins for
# the package tools that write down how they were called.
set -euo pipefail
install_sh="$1" scratch="$2"
unset CONCORD_NO_INSTALL
failures=0

stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

# machine UID SUDO KNOWN: who runs, whether sudo lets them, whether the package lists know the packages.
machine() {
  rm -rf "$scratch"
  mkdir -p "$scratch/bin"
  printf 'demo have\ndemo lack\ntest more\n' >"$scratch/packages.txt"
  stand_in id "echo $1"
  stand_in sudo "[[ $2 == yes ]] || exit 1; [[ \$1 != -n ]] || exit 0; echo sudo >>'$scratch/log'; exec \"\$@\""
  stand_in dpkg-query "[[ \$4 == have ]] && echo installed"
  stand_in apt-cache "[[ $3 == yes || -e '$scratch/updated' ]] && echo '  Candidate: 1.0' || echo '  Candidate: (none)'"
  stand_in apt-get "echo \"\$DEBIAN_FRONTEND: \$*\" >>'$scratch/log'; [[ \$1 != update ]] || touch '$scratch/updated'"
}

run() { PATH="$scratch/bin:$PATH" CONCORD_PACKAGES_FILE="$scratch/packages.txt" "$install_sh" "$@" </dev/null 2>"$scratch/said"; }

check() {
  local what="$1"
  shift
  "$@" || {
    echo "FAILED: $what"
    cat "$scratch/said" "$scratch/log" 2>/dev/null || true
    failures=$((failures + 1))
  }
}

says() { grep -qF -- "$1" "$scratch/said"; }
called() { grep -qxF -- "$1" "$scratch/log"; }
silent() { [[ ! -e "$scratch/log" ]]; }
refuses() { ! run "$@"; }
install_line='noninteractive: -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0'

machine 0 no yes
check "root installs" run demo
check "root installs what is missing only" called "$install_line lack"
check "no update when the lists are there" bash -c "! grep -q update '$scratch/log'"

machine 0 no no
check "root with stale lists" run demo test
check "updates first" called "noninteractive: -qq update"
check "then installs both groups" called "$install_line lack more"

machine 1000 yes yes
check "user with sudo" run demo
check "through sudo" called sudo

machine 1000 no yes
check "neither root nor sudo" refuses demo
check "prints the apt line" says "apt-get update && apt-get install -y --no-install-recommends lack"
check "calls nothing" silent

machine 1000 no yes
echo 'demo have' >"$scratch/packages.txt"
check "nothing missing" run demo
check "calls nothing when nothing is missing" silent

rm -rf "$scratch"
echo "install.sh: $failures failures"
[[ $failures -eq 0 ]]
