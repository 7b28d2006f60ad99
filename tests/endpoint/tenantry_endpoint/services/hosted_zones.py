"""Hosted zones that a stack names and nobody created: they come to be on first use, empty and public.

AWS answers `NoSuchHostedZone`; here the domain that a fleet owns cannot exist beforehand. Calls of the Route 53 API by
anyone but a stack still meet AWS's error.
"""

from __future__ import annotations

from moto.route53.models import FakeZone, route53_backends
from moto.utilities.utils import get_partition


def found_or_made(account: str, region: str, zone: str, record: str) -> str:
    """The zone's id; the zone is made for the parent domain of `record` when the account has none of that id."""
    ident = zone.rsplit("/", 1)[-1]
    zones = route53_backends[account][get_partition(region)].zones
    if ident not in zones:
        domain = record.rstrip(".").split(".", 1)[-1] + "."
        zones[ident] = FakeZone(domain, ident, private_zone=False, caller_reference=ident)
    return ident
