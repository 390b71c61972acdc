#!/usr/bin/env bash
# install.sh GROUP...: installs what is missing of the groups in packages.txt, and does nothing, offline, when nothing is.
# CONCORD_NO_INSTALL=1 skips the whole check (the packages came from elsewhere).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
packages_file="${CONCORD_PACKAGES_FILE:-$here/packages.txt}"

say() { printf '%s\n' "$*" >&2; }

packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$packages_file"
  done
}

is_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Nothing for root; sudo for a user who may use it (asking for the password only where there is someone to ask); else 1.
root_prefix() {
  if [[ "$(id -u)" -eq 0 ]]; then
    return 0
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [[ -t 0 && -t 2 ]] && sudo -v; }; }; then
    echo sudo
  else
    return 1
  fi
}

apt() {
  local prefix=()
  [[ -z "$as_root" ]] || prefix=("$as_root")
  "${prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >/dev/null  # errors still show
}

# The package lists are stale or absent when a package has no candidate version.
lists_know() {
  local package
  for package in "$@"; do
    apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
  done
}

install() {
  local options=(-y --no-install-recommends -o Dpkg::Use-Pty=0)
  lists_know "$@" && apt install "${options[@]}" "$@" && return
  apt update && apt install "${options[@]}" "$@"
}

main() {
  [[ -z "${CONCORD_NO_INSTALL:-}" ]] || return 0
  local package missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This is no Debian system: going on without checking packages. Needed here: $(packages_of "$@" | xargs)"
    return 0
  fi
  for package in $(packages_of "$@"); do
    is_installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if ! as_root="$(root_prefix)"; then
    say "These packages are missing, and installing them needs root. Run this, then try again:"
    say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    return 1
  fi
  say "Installing ${#missing[@]} packages (this takes a while the first time): ${missing[*]}"
  install "${missing[@]}"
}

main "$@"
