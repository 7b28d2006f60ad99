"""Endpoints, and scripts that call them, as forks of one process that has everything loaded, which takes seconds for each
that starts by itself.

In: lines of JSON on stdin, `{"start": [argument, ...]}`, `{"stop": pid}` or `{"run": [...], ...}`, what a command line of
Python would have (`run` says more). Out: a line with the pid for each. The end of stdin ends all that run.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import boto3
from moto.core.utils import get_service_model

from . import internal, remembered
from .__main__ import main
from .application import application
from .cloudformation import limits, linked_roles, permissions, schemas

#: botocore's names of the services that stacks and the tool use.
SERVICES = ("acm", "appconfig", "cloudcontrol", "cloudformation", "cloudtrail", "cloudwatch", "dynamodb", "ec2", "ecs",
            "elasticache", "elbv2", "events", "firehose", "iam", "kms", "lambda", "logs", "oam", "opensearch", "rds",
            "resourcegroupstaggingapi", "rolesanywhere", "route53", "s3", "scheduler", "secretsmanager", "service-quotas",
            "sns", "sqs", "ssm", "sts")
#: Where the tests' stacks are.
REGION = "eu-west-1"
#: An account that no test has.
NOBODY = "000000000000"


def load() -> None:
    """Load what an endpoint would load with its first calls."""
    application()
    remembered.private_key(65537, 2048)
    permissions.types()
    linked_roles.needed()
    limits.limits()
    schemas.schema("AWS::S3::Bucket", REGION)
    for service in SERVICES:
        # The default session of scripts keeps what it has read of a service.
        boto3.client(service, region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none")
        # Routes, parsers and serializers are made at a service's first request, whatever it is answered.
        if (operation := read_without_parameters(service)) is not None:
            with suppress(Exception):
                internal.call(NOBODY, REGION, service, operation)
    gc.collect()
    gc.freeze()


def read_without_parameters(service: str) -> str | None:
    """An operation of a service that reads and needs no parameter."""
    model = get_service_model(service)
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        if name.startswith(("List", "Describe", "Get")) and not getattr(shape, "required_members", None):
            return str(name)
    return None


def fork(does: Callable[[], None], folder: Path | None = None) -> int:
    """The pid of a process that does something. What it prints goes to `out` and `err` of a folder, and its exit code then to
    `code`; without one it goes to this process's stderr.
    """
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    if folder is not None:
        os.dup2(os.open(folder / "err", os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
        os.dup2(os.open(folder / "out", os.O_WRONLY | os.O_CREAT), sys.stdout.fileno())
    else:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    code: Any = 1
    try:
        does()
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # whatever ends it must be seen before the process goes
        traceback.print_exc()
    finally:
        code = code if isinstance(code, int) else int(code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
        if folder is not None:
            (folder / "partial").write_text(str(code))
            (folder / "partial").rename(folder / "code")
        os._exit(code)


def script(arguments: list[str], environment: dict[str, str | None], place: str | None) -> None:
    """Do as `python ARGUMENT...` does: `-c` and a text, or a file; variables that are null are not set."""
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if place is not None:
        os.chdir(place)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<script>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


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
            arguments = [*request["start"], "--parent-pid", str(os.getpid())]
            pid = fork(lambda: main(arguments))
            running.add(pid)
        elif "run" in request:
            pid = fork(lambda: script(request["run"], request["environment"], request["place"]), Path(request["folder"]))
        else:
            pid = request["stop"]
            # A copy of an endpoint is not among them.
            running.discard(pid)
            end(pid)
        print(pid, flush=True)
    for pid in running:
        end(pid)


if __name__ == "__main__":
    load()
    serve()
