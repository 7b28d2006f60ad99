"""Endpoints as forks of one process that has everything loaded, which takes seconds for each that starts by itself.

In: lines of JSON on stdin, `{"start": [argument, ...]}` or `{"stop": pid}`. Out: a line with the pid for each. The end of
stdin ends all that run.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback

from moto.backends import get_backend
from moto.core.utils import get_service_model

from . import internal, remembered
from .__main__ import main
from .application import application
from .cloudformation import permissions, schemas

#: botocore's names of the services that stacks and the tool use.
SERVICES = ("acm", "appconfig", "cloudformation", "cloudtrail", "cloudwatch", "ec2", "ecs", "elbv2", "events", "iam", "kms",
            "lambda", "logs", "opensearch", "rds", "resourcegroupstaggingapi", "route53", "s3", "service-quotas", "sns",
            "sqs", "ssm", "sts")
#: Where the tests' stacks are.
REGION = "eu-west-1"


def load() -> None:
    """Load what an endpoint would load with its first calls."""
    application()
    remembered.private_key(65537, 2048)
    permissions.types()
    schemas.schema("AWS::S3::Bucket", REGION)
    for service in SERVICES:
        get_service_model(service)
        internal.load(service, REGION)
        try:
            get_backend(service)
        except ImportError:  # one of the endpoint's own services
            continue
    gc.collect()
    gc.freeze()


def start(arguments: list[str], parent: int) -> int:
    """The pid of a new endpoint."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        main([*arguments, "--parent-pid", str(parent)])
    except BaseException:  # whatever ends it must be seen before the process goes
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def end(pid: int) -> None:
    """End an endpoint, and wait until it has ended; it may have done so by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def serve() -> None:
    """Answer until the end of stdin."""
    # One that ends by itself leaves no process behind: who waits for it sees that it is gone.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    running: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = start(request["start"], os.getpid())
            running.add(pid)
        else:
            pid = request["stop"]
            running.remove(pid)
            end(pid)
        print(pid, flush=True)
    for pid in running:
        end(pid)


if __name__ == "__main__":
    load()
    serve()
