"""The zips of the functions: which architecture, and what the lock says."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tarfile
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
        manifests = [home / "registry/src/mirror-1/one-1.0.0/Cargo.toml", tmp_path / "vendored/two/Cargo.toml"]
        packages = [{"name": path.parent.name.split("-")[0], "version": "1.0.0", "source": "registry",
                     "manifest_path": str(path)} for path in manifests]
        ours = {"name": "ours", "version": "1.0.0", "source": None, "manifest_path": "/ours/Cargo.toml"}
        out = {"cargo": json.dumps({"packages": [*packages, ours]}), "-vV": "commit-hash: abc\nhost: x\n"}
        told = out.get(command[0]) or out.get(command[1], "/toolchain\n")
        return type("Ran", (), {"stdout": told})()

    monkeypatch.setenv("CARGO_HOME", str(home))
    monkeypatch.setattr(package.subprocess, "run", run)
    pairs = package.remaps()
    assert pairs[-2:] == [(home / "registry/src/mirror-1", "/registry"), (tmp_path / "vendored/two", "/registry/two-1.0.0")]
    assert (Path("/toolchain/lib/rustlib/src/rust"), "/rustc/abc") in pairs


CRATE = "base64-0.22.1"


def project(folder: Path, configuration: str) -> Path:
    """A program with one dependency, whose sources come from where the configuration says."""
    name, version = CRATE.rsplit("-", 1)
    lock = (package.ROOT / "Cargo.lock").read_text().split("[[package]]\n")
    pinned = next(one for one in lock if f'name = "{name}"\nversion = "{version}"' in one)
    (folder / "src").mkdir(parents=True)
    (folder / ".cargo").mkdir()
    (folder / ".cargo/config.toml").write_text(configuration)
    (folder / "Cargo.toml").write_text(
        f'[workspace]\n[package]\nname = "sample"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n{name} = "={version}"\n')
    (folder / "Cargo.lock").write_text(
        f'version = 4\n\n[[package]]\n{pinned}\n[[package]]\nname = "sample"\nversion = "0.1.0"\ndependencies = [\n "{name}",\n]\n')
    (folder / "src/main.rs").write_text(
        "use base64::Engine;\nfn main() {\n    let text = std::env::args().next().unwrap_or_default();\n"
        "    println!(\"{}\", base64::engine::general_purpose::STANDARD.encode(text));\n}\n")
    return folder


def digest(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, named: bool = True) -> str:
    """The digest of the program, with this machine's paths named neutrally or not."""
    monkeypatch.setenv("CARGO_HOME", str(home))
    flags = [f"--remap-path-prefix={path}={name}" for path, name in package.remaps(folder)] if named else []
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CARGO_TARGET", "RUSTC"))}
    environment |= {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags), "CARGO_NET_OFFLINE": "true"}
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--target-dir", "target"], cwd=folder, env=environment, check=True)
    return hashlib.sha256((folder / "target/debug/sample").read_bytes()).hexdigest()


def test_a_mirror_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program from a local registry and from a vendored folder, each in a place and with a cargo home of its own.
    Without names for the places it would differ."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    archive = next(home.glob(f"registry/cache/*/{CRATE}.crate"))
    name, version = CRATE.rsplit("-", 1)
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    mirrors = [tmp_path / "local registry", tmp_path / "vendored"]
    index = mirrors[0] / "index/ba/se" / name
    index.parent.mkdir(parents=True)
    shutil.copy(archive, mirrors[0])
    index.write_text(json.dumps({"name": name, "vers": version, "deps": [], "cksum": checksum, "features": {
        "default": ["std"], "alloc": [], "std": ["alloc"]}, "yanked": False}) + "\n")
    with tarfile.open(archive) as content:
        content.extractall(mirrors[1], filter="data")
    (mirrors[1] / CRATE).rename(mirrors[1] / name)
    (mirrors[1] / name / ".cargo-checksum.json").write_text(json.dumps({"files": {}, "package": checksum}))

    replaced = '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\n'
    places = [(project(tmp_path / "one place", f'{replaced}local-registry = "{mirrors[0]}"\n'), tmp_path / "one home"),
              (project(tmp_path / "other", f'{replaced}directory = "{mirrors[1]}"\n'), tmp_path / "other home")]
    assert len({digest(folder, home, monkeypatch, named=False) for folder, home in places}) == 2
    assert len({digest(folder, home, monkeypatch) for folder, home in places}) == 1
