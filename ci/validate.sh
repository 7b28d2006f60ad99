#!/usr/bin/env bash
# Checks the estate without credentials and writes reports/validate.sarif and reports/validate.xml (JUnit).
# Ends with the worst exit code: 0 all well, 2 findings, 1 an error.
set -euo pipefail

mkdir -p reports
worst=0
tenantry validate || worst=$?
tenantry validate --output sarif > reports/validate.sarif || true
tenantry validate --output junit > reports/validate.xml || true
if [ -f policies/flags.yaml ]; then
    tenantry flags lint || worst=$?
fi
exit "$worst"
