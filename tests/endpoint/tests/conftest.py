"""One endpoint for all tests, on a free port of the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("endpoint")
    quotas = folder / "quotas.yaml"
    quotas.write_text("quotas:\n- {service: vpc, code: L-F678F1CE, name: VPCs per Region, default: 5, "
                      "adjustable: true, scope: region}\n")
    port = folder / "port"
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry_endpoint", "--port-file", str(port), "--quotas", str(quotas),
         "--parent-pid", str(os.getpid())], env={**os.environ, "PYTHONPATH": str(ROOT)})
    while not port.exists():
        assert process.poll() is None, "the endpoint did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port.read_text().strip()}"
    process.terminate()
    process.wait()


@pytest.fixture
def client(endpoint: str) -> Callable[..., Any]:
    def make(service: str, **more: Any) -> Any:
        return boto3.client(service, region_name="eu-central-1", endpoint_url=endpoint, aws_access_key_id="AKIAEXAMPLE",
                            aws_secret_access_key="none", config=Config(retries={"max_attempts": 0}, **more))
    return make
