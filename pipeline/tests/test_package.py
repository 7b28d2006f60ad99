"""The zips of the functions: which architecture, and what the lock says."""

import hashlib
import importlib.util
import json
import zipfile
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("package", Path(__file__).parents[1] / "package.py")
package = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(package)


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_a_host_runs_functions_of_its_own_architecture(machine: str, architecture: str) -> None:
    assert package.host_architecture(machine) == architecture


def test_a_host_that_lambda_has_no_architecture_for_is_refused() -> None:
    with pytest.raises(SystemExit, match="riscv64"):
        package.host_architecture("riscv64")


def test_the_lock_of_native_functions_names_the_zips_by_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.platform, "machine", lambda: "aarch64")
    binaries, out, lock = tmp_path / "a folder", tmp_path / "zips", tmp_path / "lock.json"
    binaries.mkdir()
    for function in package.FUNCTIONS:
        (binaries / function).write_text(function)
    assert package.native(binaries, out, lock) == 0
    document = json.loads(lock.read_text())
    assert document["architecture"] == "arm64"
    for function, artifact in document["artifacts"]["arm64"].items():
        zipped = out / f"{artifact['sha256']}.zip"
        assert hashlib.sha256(zipped.read_bytes()).hexdigest() == artifact["sha256"]
        assert zipped.stat().st_size == artifact["bytes"]
        with zipfile.ZipFile(zipped) as archive:
            assert archive.read("bootstrap").decode() == function


def test_every_folder_of_this_machine_is_named_neutrally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's folders exist only once cargo has fetched, and the longest path is mapped last."""
    home = tmp_path / "cargo home"

    def run(command: list[str], **_: object) -> object:
        if command[:2] == ["cargo", "fetch"]:
            (home / "registry/src/mirror-1").mkdir(parents=True)
        out = "commit-hash: abc\nhost: x\n" if command == ["rustc", "-vV"] else "/toolchain\n"
        return type("Ran", (), {"stdout": out})()

    monkeypatch.setenv("CARGO_HOME", str(home))
    monkeypatch.setattr(package.subprocess, "run", run)
    pairs = package.remaps()
    assert (home / "registry/src/mirror-1", "/registry") == pairs[-1]
    assert (Path("/toolchain/lib/rustlib/src/rust"), "/rustc/abc") in pairs
