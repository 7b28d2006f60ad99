#!/usr/bin/env bash
# Puts `tenantry` on the path of a CI job: a release that is pinned by its digest, else built from its crate.
#
# TENANTRY_URL and TENANTRY_SHA256 name a release's archive, or a binary (a variable of the repository each); TENANTRY_VERSION
# the crate.
set -euo pipefail

bin=${TENANTRY_BIN:-$PWD/.tenantry/bin}
mkdir -p "$bin"
if [ -n "${TENANTRY_URL:-}" ]; then
    curl --fail --silent --show-error --location --proto '=https' "$TENANTRY_URL" --output "$bin/download"
    echo "${TENANTRY_SHA256:?names the digest of TENANTRY_URL}  $bin/download" | sha256sum --check --quiet
    case "$TENANTRY_URL" in
    # With the zips of the functions beside the program.
    *.tar.gz) tar -xzf "$bin/download" -C "$bin" --strip-components=1 && rm "$bin/download" ;;
    *) mv "$bin/download" "$bin/tenantry" && chmod +x "$bin/tenantry" ;;
    esac
elif ! command -v tenantry > /dev/null; then
    cargo install --locked --quiet --root "$(dirname "$bin")" "tenantry@${TENANTRY_VERSION:?names a version}"
fi
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$bin" >> "$GITHUB_PATH"
fi
PATH="$bin:$PATH" tenantry --version
