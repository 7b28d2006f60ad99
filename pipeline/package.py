#!/usr/bin/env python3
"""Builds the functions' zips: the same bytes wherever the checkout and the registry lie.

    package.py verify ARCHITECTURE…      builds and compares with pipeline/functions.lock.json; 1 if they differ
    package.py lock ARCHITECTURE…        builds and writes into pipeline/functions.lock.json
    package.py native BINARIES OUT LOCK  zips what cargo built for this host into the folder OUT, and writes LOCK

ARCHITECTURE is Lambda's word: x86_64 or arm64. The zips are target/functions/<sha256>.zip. Which architecture the stacks
run is the lock's own `architecture`, edited by hand. `native` is for an estate on the local endpoint: no cross
compiler, no second build, and a lock of its own.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "pipeline" / "functions.lock.json"
OUT = ROOT / "target" / "functions"
FUNCTIONS = ("splitter", "ingest")
FLAGS = {"x86_64": "--x86-64", "arm64": "--arm64"}
# What cargo-lambda builds for: the oldest processors that Lambda documents for each architecture.
CPUS = {"x86_64": "haswell", "arm64": "neoverse-n1"}
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
LOCK_VERSION = 2
# The earliest moment that a zip can hold.
MOMENT = (1980, 1, 1, 0, 0, 0)


def remaps(root: Path = ROOT) -> list[tuple[Path, str]]:
    """Paths of this machine, and what the binaries say in their place. Later ones win in rustc, so the longest is last.

    The registries' folders exist once cargo has fetched, so that is done first. A mirror is one of them, or a folder
    anywhere (`cargo vendor`), whose crates are named one by one. The standard library names its own sources by commit,
    except where the component rust-src is installed.
    """
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=root, check=True)

    def told(command: list[str]) -> str:
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout

    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")).resolve()
    sources = home / "registry" / "src"
    registries = sorted(sources.iterdir()) if sources.is_dir() else []
    version = told(["rustc", "-vV"])
    commit = dict(line.split(": ", 1) for line in version.splitlines() if ": " in line)["commit-hash"]
    library = Path(told(["rustc", "--print", "sysroot"]).strip()) / "lib/rustlib/src/rust"
    packages = json.loads(told(["cargo", "metadata", "--locked", "--offline", "--format-version", "1"]))["packages"]
    crates = [(Path(one["manifest_path"]).resolve().parent, f"/registry/{one['name']}-{one['version']}")
              for one in packages if one["source"]]
    elsewhere = sorted(pair for pair in crates if pair[0].parent not in registries)
    fixed = [(root, "/tenantry"), (home, "/cargo"), (library, f"/rustc/{commit}")]
    return [*fixed, *((registry, "/registry") for registry in registries), *elsewhere]


def build(architecture: str) -> None:
    """Compiles both functions; cargo itself knows what is up to date. Paths may have spaces in them."""
    pairs = [f"{path}={name}" for path, name in remaps()]
    tools = Path(sys.executable).parent
    flags = [*(f"--remap-path-prefix={pair}" for pair in pairs), f"-Ctarget-cpu={CPUS[architecture]}"]
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CC_SHELL_ESCAPED_FLAGS": "1",
        "CFLAGS": " ".join(shlex.quote(f"-ffile-prefix-map={pair}") for pair in pairs),
        "CARGO_TARGET_DIR": str(ROOT / "target"),
        "SOURCE_DATE_EPOCH": "315532800",
    }
    subprocess.run(["rustup", "--quiet", "target", "add", TARGETS[architecture]], cwd=ROOT, check=True)
    command = ["cargo-lambda", "lambda", "build", "--profile", "artifact", "-p", "tenantry-pipeline", "--locked"]
    subprocess.run([*command, FLAGS[architecture]], cwd=ROOT, env=environment, check=True)


def package(binary: Path, out: Path) -> dict:
    """Zips one function. Stored, not deflated: deflate's bytes depend on the library that makes them."""
    out.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo("bootstrap", MOMENT)
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    unnamed = out / f"{binary.name}.part"
    with zipfile.ZipFile(unnamed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, binary.read_bytes())
    content = unnamed.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    unnamed.replace(out / f"{sha256}.zip")
    return {"sha256": sha256, "bytes": len(content)}


def host_architecture(machine: str) -> str:
    """Lambda's word for what `platform.machine()` says."""
    known = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
    if machine.lower() not in known:
        sys.exit(f"error: Lambda has no architecture for a host of type {machine}")
    return known[machine.lower()]


def stripped(binary: Path, folder: Path) -> Path:
    """The binary without symbols, which are half of it and are hashed and sent like the rest; itself where nothing strips."""
    small = folder / binary.name
    if shutil.which("strip") is None:
        return binary
    done = subprocess.run(["strip", "-o", small, binary], capture_output=True)
    return small if done.returncode == 0 else binary


def native(binaries: Path, out: Path, lock: Path) -> int:
    """Zips the functions that cargo built for this host, and writes an estate's lock of them."""
    architecture = host_architecture(platform.machine())
    with tempfile.TemporaryDirectory() as folder:
        artifacts = {function: package(stripped(binaries / function, Path(folder)), out) for function in FUNCTIONS}
    document = {"version": LOCK_VERSION, "architecture": architecture, "artifacts": {architecture: artifacts}}
    lock.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def verify(architecture: str, built: dict) -> int:
    """Whether the zips are those of the lock; if not, says what was built."""
    locked = json.loads(LOCK.read_text())["artifacts"].get(architecture)
    if locked == built:
        return 0
    text = json.dumps(built, indent=2)
    print(f"the {architecture} functions are not those of {LOCK.relative_to(ROOT)}; built were:\n{text}", file=sys.stderr)
    print("help: if the change is meant, `make functions-lock` writes it down", file=sys.stderr)
    return 1


def lock(architecture: str, built: dict) -> int:
    """Writes down what was built."""
    content = json.loads(LOCK.read_text())
    content["version"] = LOCK_VERSION
    content["artifacts"][architecture] = built
    LOCK.write_text(json.dumps(content, indent=2) + "\n")
    return 0


def main(mode: str, architectures: list[str]) -> int:
    """Deals with every architecture, also when an earlier one differs."""
    act = {"verify": verify, "lock": lock}[mode]
    codes = []
    for architecture in architectures:
        build(architecture)
        built = {name: ROOT / "target/lambda" / name / "bootstrap" for name in FUNCTIONS}
        codes.append(act(architecture, {name: package(binary, OUT) for name, binary in built.items()}))
    return max(codes)


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "native":
        sys.exit(native(*map(Path, sys.argv[2:])))
    known = len(sys.argv) > 2 and sys.argv[1] in ("verify", "lock") and set(sys.argv[2:]) <= FLAGS.keys()
    if not known:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
