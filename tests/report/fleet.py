"""Makes a fleet of so many tenants of an estate's only one, in as many accounts, rings and Regions as its fleet has. The last
drift check of the first tenant found differences.

python3 fleet.py ESTATE NUMBER
"""

import ipaddress
import json
import pathlib
import re
import sys

estate, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
tenants = estate / "tenants"
fleet = (tenants / "fleet.yaml").read_text()
sample = (tenants / "acme.yaml").read_text()
# A pool that holds them all.
fleet = re.sub(r"(?m)^pools:\n(?:[ \t]+.*\n|-.*\n)+", "pools:\n  - { name: main, cidr: 10.0.0.0/8, tenant_prefix: 18 }\n", fleet)
(tenants / "fleet.yaml").write_text(fleet)
rings = re.findall(r"(?m)^  - (?:\{ )?name: ([a-z-]+)", fleet.split("rings:")[1].split("\n\n")[0]) or ["canary"]
blocks = ipaddress.ip_network("10.0.0.0/8").subnets(new_prefix=18)
reserved = [ipaddress.ip_network(text) for text in re.findall(r"cidr: (\d\S+/\d+)", fleet.split("reserved:")[1].split("\n\n")[0])] if "reserved:" in fleet else []
free = (block for block in blocks if not any(block.overlaps(other) for other in reserved))
(tenants / "acme.yaml").unlink()
for index in range(number):
    text = re.sub(r"cidr: \S+/\d+", f"cidr: {next(free)}", sample)
    text = re.sub(r"ring: \S+", f"ring: {rings[index % len(rings)]}", text)
    text = re.sub(r"peak_gib_per_minute: \S+", f"peak_gib_per_minute: {0.05 * (1 + index % 17):.2f}", text)
    (tenants / f"tenant-{index:04}.yaml").write_text(text)

organisation = re.search(r"(?m)^organisation: (\S+)", fleet)[1]
account, region = (re.search(rf'(?m)^{key}: "?([\w-]+)', sample)[1] for key in ("account", "region"))
noted = [
    {"code": "TN5102", "severity": "high", "kind": "modified", "resource": "SearchDomain", "resource_type": "AWS::OpenSearchService::Domain",
     "physical_id": f"{organisation}-tenant-0000", "path": "/AccessPolicies/Statement/0/Principal", "by": "ann"},
    {"code": "TN5101", "severity": "low", "kind": "unmanaged", "resource": None, "resource_type": "AWS::Logs::LogGroup",
     "physical_id": "/aws/lambda/made-by-hand-for-a-look-and-forgotten", "path": "", "by": None},
]
check = {"at": 1764000000, "verdict": "drifted", "open": 2, "worst": "high", "differences": noted}
record = {"schema": "tenantry/drift-record/v1", "checks": {f"{account}/{region}/{organisation}-tenant-0000": check}}
(estate / ".tenantry").mkdir(exist_ok=True)
(estate / ".tenantry/drift.json").write_text(json.dumps(record))
