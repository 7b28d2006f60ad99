"""Start the endpoint: `python -m tenantry_endpoint --port 0 --port-file FILE [--quotas FILE] [--parent-pid N]`.

The port is that of HTTP over TCP, and of DNS over UDP."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from werkzeug.serving import make_server


def arguments(given: list[str] | None) -> argparse.Namespace:
    """The command line, or what is given in its place."""
    parser = argparse.ArgumentParser(prog="tenantry_endpoint", description="local AWS endpoint: moto_server, extended")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--port-file", type=Path, help="where to write the port once it answers (else stdout)")
    parser.add_argument("--quotas", type=Path, help="service quotas (policies/quotas.yaml)")
    parser.add_argument("--enforce-quotas", action="store_true", help="refuse what the quotas do not allow")
    parser.add_argument("--enforce-iam", action="store_true", help="refuse what the policies of roles do not allow")
    parser.add_argument("--grant-seconds", type=float, help="grant requests for higher quotas after so many seconds")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    parser.add_argument("--step-ms", type=int, help="pause between the steps of a stack (TENANTRY_ENDPOINT_STEP_MS)")
    parser.add_argument("--no-reverts", action="store_true", help="know no change sets that revert drift")
    parser.add_argument("--verbose", action="store_true", help="log each request to stderr")
    return parser.parse_args(given)


def watch_parent(pid: int) -> None:
    """End this process once the parent is gone."""
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            os._exit(0)
        except PermissionError:
            pass
        threading.Event().wait(0.5)


def main(given: list[str] | None = None) -> None:
    """Serve until told to stop."""
    options = arguments(given)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logging.getLogger("tenantry_endpoint").setLevel(logging.DEBUG if options.verbose else logging.ERROR)
    import warnings

    warnings.simplefilter("ignore")
    if options.step_ms is not None:
        os.environ["TENANTRY_ENDPOINT_STEP_MS"] = str(options.step_ms)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: os._exit(0))

    from . import identity
    from .cloudformation import revert
    from .services import quotas

    if options.quotas is not None:
        quotas.load(options.quotas)
    revert.offer(not options.no_reverts)
    quotas.enforce(options.enforce_quotas)
    identity.enforce(options.enforce_iam)
    quotas.grant_after(options.grant_seconds)
    serve(options)


def serve(options: argparse.Namespace) -> None:
    """Serve what this process has; also in a copy of one that serves already."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    from . import copies
    from .application import application
    from .services import hosted_zones

    class Quiet(MotoRequestHandler):
        """HTTP/1.1 (connections are kept) and no access log."""

        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: object) -> None:
            pass

    copies.of(lambda port_file: serve(argparse.Namespace(**vars(options) | {"port": 0, "port_file": port_file})))
    server = None
    while server is None:
        server = make_server(options.host, options.port, application(), threaded=True, request_handler=Quiet)
        try:
            hosted_zones.serve(options.host, server.server_port)
        except OSError:
            # Another program has the port for UDP; of those that the system picks there are more.
            if options.port:
                raise
            server.server_close()
            server = None
    server.daemon_threads = True
    if options.parent_pid:
        threading.Thread(target=watch_parent, args=(options.parent_pid,), daemon=True).start()
    if options.port_file:
        partial = options.port_file.with_suffix(options.port_file.suffix + ".partial")
        partial.write_text(f"{server.server_port}\n")
        partial.rename(options.port_file)
    else:
        print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
