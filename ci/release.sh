#!/usr/bin/env bash
# Rolls a release: `ci/release.sh TAG [SHARD]` cuts it and takes it through the rings; without a tag the latest roll
# goes on if it is unfinished. A run that is stopped loses nothing: the next one goes on where it was.
# Exit codes are those of `tenantry release roll`: 0 everywhere; 3 halted, or refused; 4 to be continued.
set -euo pipefail

tag=${1:-}
shard=${2:-1/1}
# Most runners end a job after some hours: stop before that, in order.
limit=${TENANTRY_ROLL_LIMIT:-5h}

mkdir -p reports
if [ -n "$tag" ]; then
    tenantry release cut "$tag" --out "reports/$tag.json" ${TENANTRY_SIGNING_KEY:+--sign "$TENANTRY_SIGNING_KEY"}
    tenantry release verify "$tag" --manifest "reports/$tag.json"
fi
timeout --foreground --signal=INT "$limit" tenantry release roll ${tag:+"$tag"} --shard "$shard" --defer --yes
