"""Hosted zones, and the DNS that finds them.

A zone that a caller or a stack names and nobody created comes to be on first use, empty, public and delegated: here the
domain that a fleet owns cannot exist beforehand. `/_tenantry/zones` says otherwise of one: `{"account", "id", "name",
"servers": [name]}` gives it a name and lets DNS answer these servers in place of its own; without `name` the account has no
such zone, which AWS answers with `NoSuchHostedZone`. Calls that change records meet AWS's error either way.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any

from moto.route53.models import DelegationSet, FakeZone, route53_backends
from moto.utilities.utils import get_partition

from ..errors import AwsError
from ..operations import Answer, Call, operation
from ..state import MOTO, on_reset, store

#: DNS, RFC 1035 section 3.2: the type of name servers, the class of the internet; section 4.1.1: answers, no such name.
NS, INTERNET, ANSWER, NO_NAME = 2, 1, 0x8180, 0x8183


class Zones:
    """What was said of the zones of an account."""

    def __init__(self) -> None:
        self.missing: set[str] = set()


#: What DNS answers for zones, by domain, where it is not their own servers.
_answers: dict[str, list[str]] = {}


on_reset(_answers.clear)


def _zone(ident: str, domain: str) -> FakeZone:
    """A public zone, with the name servers that moto gives to all."""
    return FakeZone(domain, ident, private_zone=False, caller_reference=ident,
                    delegation_set=DelegationSet(ident, None, None))


def say(document: dict[str, Any]) -> None:
    """Take over what `/_tenantry/zones` says of one zone."""
    account, ident = document["account"], document["id"]
    zones = route53_backends[account]["aws"].zones
    if "name" not in document:
        with MOTO:
            zones.pop(ident, None)
        store(Zones, account, "aws").missing.add(ident)
        return
    store(Zones, account, "aws").missing.discard(ident)
    name = document["name"].rstrip(".") + "."
    with MOTO:
        zones[ident] = _zone(ident, name)
    _answers.pop(name, None)
    if "servers" in document:
        _answers[name] = [str(server).rstrip(".") for server in document["servers"]]


def found_or_made(account: str, region: str, zone: str, record: str) -> str:
    """The zone's id; the zone is made for the parent domain of `record` when the account has none of that id."""
    ident = zone.rsplit("/", 1)[-1]
    zones = route53_backends[account][get_partition(region)].zones
    # Whoever asked for the zone before could not say of which domain it is.
    if ident not in zones or zones[ident].name == _unnamed(ident):
        domain = record.rstrip(".").split(".", 1)[-1] + "."
        with MOTO:
            zones[ident] = _zone(ident, domain)
    return ident


def _unnamed(ident: str) -> str:
    """The domain of a zone of which only the id is known."""
    return f"{ident.lower()}.example."


@operation("route53", "GetHostedZone")
def get_hosted_zone(call: Call) -> Answer:
    """The zone, made for a domain of its id when nobody has said that it is missing."""
    ident = str(call.get("Id")).rsplit("/", 1)[-1]
    if ident in store(Zones, call.account, "aws").missing:
        raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {ident}")
    with MOTO:
        route53_backends[call.account][call.partition].zones.setdefault(ident, _zone(ident, _unnamed(ident)))
    return call.inner()


def _servers(domain: str) -> list[str]:
    """What DNS answers for the name servers of a domain."""
    if domain in _answers:
        return _answers[domain]
    for partitions in list(route53_backends.values()):
        for backend in list(partitions.values()):
            for zone in list(backend.zones.values()):
                if zone.name == domain and zone.delegation_set is not None:
                    return [str(server).rstrip(".") for server in zone.delegation_set.name_servers]
    return []


def _name(domain: str) -> bytes:
    labels = [label.encode() for label in domain.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def answer(message: bytes) -> bytes:
    """The answer to a question for name servers; of other types, that there is nothing."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    question = message[12:at + 5]
    kind, = struct.unpack("!H", message[at + 1:at + 3])
    servers = _servers(".".join(labels).lower() + ".") if kind == NS else []
    head = message[:2] + struct.pack("!5H", ANSWER if servers else NO_NAME, 1, len(servers), 0, 0)
    # 0xc00c points to the name of the question.
    records = [struct.pack("!HHHIH", 0xC00C, NS, INTERNET, 60, len(name)) + name for name in map(_name, servers)]
    return head + question + b"".join(records)


class _Resolver(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        message, socket = self.request
        socket.sendto(answer(message), self.client_address)


def serve(host: str, port: int) -> None:
    """Answer DNS over UDP, at the port where HTTP is answered over TCP."""
    server = socketserver.ThreadingUDPServer((host, port), _Resolver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
