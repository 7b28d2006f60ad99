"""Commands of the AWS CLI in `docs/`: services, operations and options are those of botocore's models, from which the CLI is made."""

import re
import shlex
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

DOCS = Path(__file__).parents[3] / "docs"
#: Written by hand in the CLI, so in no model.
CUSTOM = {("s3", "ls"), ("s3", "sync"), ("sso", "login")}
GLOBAL = {"region", "query", "output", "profile"}
SESSION = botocore.session.get_session()


def commands():
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text()
        fenced = [line.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        inline = re.findall(r"`(aws [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for command in [*(line for line in fenced if line.startswith("aws ")), *inline]:
            yield pytest.param(command, id=f"{page.name}: {command}")


FOUND = list(commands())


def test_some_commands_are_found():
    assert len(FOUND) > 10


@pytest.mark.parametrize("command", FOUND)
def test_a_command_of_the_aws_cli_exists(command):
    _, service, operation, *words = shlex.split(command)
    if (service, operation) in CUSTOM:
        return
    model = SESSION.get_service_model({"s3api": "s3"}.get(service, service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations
    shape = model.operation_model(operations[operation]).input_shape
    options = {xform_name(name, "-") for name in shape.members} | GLOBAL
    given = {word[2:].split("=")[0] for word in words if word.startswith("--")}
    assert given <= options
    required = {xform_name(name, "-") for name in shape.required_members}
    # A sentence may name an operation alone.
    assert not given or required <= given, required
