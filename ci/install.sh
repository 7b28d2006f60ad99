#!/usr/bin/env bash
# Puts `tenantry` on the path of a CI job: a binary that is pinned by its digest, else built from its crate.
#
# TENANTRY_URL and TENANTRY_SHA256 name the binary (a variable of the repository each); TENANTRY_VERSION the crate.
set -euo pipefail

bin=${TENANTRY_BIN:-$PWD/.tenantry/bin}
mkdir -p "$bin"
if [ -n "${TENANTRY_URL:-}" ]; then
    curl --fail --silent --show-error --location --proto '=https' "$TENANTRY_URL" --output "$bin/tenantry"
    echo "${TENANTRY_SHA256:?names the digest of TENANTRY_URL}  $bin/tenantry" | sha256sum --check --quiet
    chmod +x "$bin/tenantry"
elif ! command -v tenantry > /dev/null; then
    cargo install --locked --quiet --root "$(dirname "$bin")" "tenantry@${TENANTRY_VERSION:?names a version}"
fi
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$bin" >> "$GITHUB_PATH"
fi
PATH="$bin:$PATH" tenantry --version
