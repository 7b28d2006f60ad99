"""The peer of ingest: what one would write in an afternoon, with the standard library.

    forwarder.py FILE    parses each line, renames to ECS, enriches, builds bulk bodies; prints records and seconds
"""

import base64
import hashlib
import ipaddress
import json
import sys
import time
from datetime import datetime, timezone

NAMES = {
    "uid": "event.id", "id.orig_h": "source.ip", "id.orig_p": "source.port", "id.resp_h": "destination.ip",
    "id.resp_p": "destination.port", "proto": "network.transport", "service": "network.protocol",
    "orig_ip_bytes": "source.bytes", "orig_pkts": "source.packets", "resp_ip_bytes": "destination.bytes",
    "resp_pkts": "destination.packets",
}
INTERNAL = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
DIRECTIONS = {(True, True): "internal", (True, False): "outbound", (False, True): "inbound", (False, False): "external"}
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}


def community_id(source, source_port, destination, destination_port, protocol):
    """Community ID version 1."""
    one, other = (source.packed, source_port), (destination.packed, destination_port)
    if other < one:
        one, other = other, one
    text = b"\0\0" + one[0] + other[0] + bytes([protocol, 0]) + one[1].to_bytes(2, "big") + other[1].to_bytes(2, "big")
    return "1:" + base64.b64encode(hashlib.sha1(text).digest()).decode()


def action(line, offset):
    """The two lines of a record's bulk action."""
    record = json.loads(line)
    path = record.pop("_path")
    moment = datetime.fromtimestamp(record.pop("ts"), timezone.utc)
    source, destination = ipaddress.ip_address(record["id.orig_h"]), ipaddress.ip_address(record["id.resp_h"])
    inside = tuple(any(address in network for network in INTERNAL) for address in (source, destination))
    document = {NAMES.get(key, f"zeek.{path}.{key}"): value for key, value in record.items()}
    document["event.duration"] = int(document.pop("zeek.conn.duration", 0) * 1e9)
    document |= {
        "@timestamp": moment.isoformat(), "ecs.version": "8.11.0", "event.kind": "event", "event.module": "zeek",
        "event.category": ["network"], "event.type": ["connection"], "event.dataset": f"zeek.{path}",
        "organization.id": "acme", "observer.vendor": "Zeek", "observer.name": "probe-1",
        "network.direction": DIRECTIONS[inside], "network.type": "ipv4", "related.ip": [str(source), str(destination)],
        "network.community_id": community_id(
            source, record["id.orig_p"], destination, record["id.resp_p"], PROTOCOLS[record["proto"]]
        ),
    }
    index = {"_index": f"zeek-{path}-{moment:%Y.%m.%d}", "_id": f"0123456789abcdef0123-{offset:x}"}
    return json.dumps({"create": index}) + "\n" + json.dumps(document) + "\n"


def main(path):
    """All lines of a file, in bodies of 5 MiB."""
    begun, records, offset, body, size, sent = time.perf_counter(), 0, 0, [], 0, 0
    with open(path, "rb") as lines:
        for line in lines:
            text = action(line, offset)
            offset += len(line)
            records += 1
            body.append(text)
            size += len(text)
            if size >= 5 << 20:
                sent += len("".join(body).encode())
                body, size = [], 0
    sent += len("".join(body).encode())
    print(records, time.perf_counter() - begun, sent)


main(sys.argv[1])
