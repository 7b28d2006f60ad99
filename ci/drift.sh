#!/usr/bin/env bash
# Holds every stack against what is there and writes reports/drift.md.
# Exit codes are those of `tenantry drift`: 0 in sync, 2 drift, 4 something could not be checked.
set -euo pipefail

mkdir -p reports
release=$(git describe --tags --abbrev=0 2> /dev/null || echo unreleased)
code=0
tenantry drift --all --release "$release" --output markdown > reports/drift.md || code=$?
cat reports/drift.md
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat reports/drift.md >> "$GITHUB_STEP_SUMMARY"
fi
exit "$code"
