"""Makes a fleet of so many tenants of an estate's only one, in as many accounts, rings and Regions as its fleet has.

python3 fleet.py ESTATE NUMBER
"""

import ipaddress
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
