#!/usr/bin/env python3
"""Packs a release: tenantry-VERSION-TARGET.tar.gz, its SBOM, and SHA256SUMS of both.

The archive holds the binary, licences, README and changelog, completions, manual pages, the functions' zips and an SBOM.
From the same binary and commit it is the same bytes: names are sorted, times are the commit's, and nobody owns a file.
Compressed bytes also depend on Python's zlib.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "pipeline"))

import package  # noqa: E402

DOCUMENTS = ("LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md")
# Names under which each shell finds them.
COMPLETIONS = {
    "bash": "tenantry.bash",
    "zsh": "_tenantry",
    "fish": "tenantry.fish",
    "elvish": "tenantry.elv",
    "powershell": "_tenantry.ps1",
}


def told(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints; ends if it fails."""
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def version() -> str:
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def host() -> str:
    """The host's target triple."""
    return dict(line.split(": ", 1) for line in told("rustc", "-vV").splitlines() if ": " in line)["host"]


def moment() -> int:
    """Seconds of the commit's time, or SOURCE_DATE_EPOCH."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or told("git", "log", "-1", "--format=%ct"))


def build(target: str, epoch: int) -> Path:
    """The binary for a target, without a path of this machine. zig links what is static, so that the host's C library and
    linker have no part in it."""
    pairs = [f"{path}={name}" for path, name in package.remaps()]
    is_static = target.endswith("-musl")
    compiler = ["cargo-zigbuild", "zigbuild"] if is_static else ["cargo", "build"]
    changed = " (changed)" if told("git", "status", "--porcelain", "--untracked-files=no") else ""
    environment = os.environ | {
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(f"--remap-path-prefix={pair}" for pair in pairs),
        "SOURCE_DATE_EPOCH": str(epoch),
        "TENANTRY_COMMIT": told("git", "rev-parse", "HEAD").strip() + changed,
        "TENANTRY_DATE": told("git", "log", "-1", "--format=%cs").strip(),
    }
    command = [*compiler, "--profile", "dist", "--locked", "--bin", "tenantry", "--target", target]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return folder / target / "dist/tenantry"


def sbom(target: str, epoch: int) -> bytes:
    """CycloneDX, of what the binary is made of; the checkout is called /tenantry in it."""
    tool = ROOT / "target/tools/bin/cargo-cyclonedx"
    options = ["--quiet", "--format", "json", "--spec-version", "1.5", "--describe", "binaries", "--target", target]
    told(tool, "cyclonedx", *options, environment=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)})
    # One for each binary of the workspace, beside its manifest.
    written = [*ROOT.glob("*_bin.cdx.json"), *ROOT.glob("*/*_bin.cdx.json"), *ROOT.glob("*/*/*_bin.cdx.json")]
    text = (ROOT / "tenantry_bin.cdx.json").read_text()
    for path in written:
        path.unlink()
    return text.replace(str(ROOT), "/tenantry").encode()


def zips(folder: Path, lock: Path) -> dict[str, bytes]:
    """The functions' zips of every architecture, with the lock that names them; ends if one is missing or another."""
    files, faults = {"functions.lock.json": lock.read_bytes()}, []
    for architecture, functions in json.loads(lock.read_text())["artifacts"].items():
        for function, artifact in functions.items():
            path = folder / f"{artifact['sha256']}.zip"
            files[path.name] = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(files[path.name]).hexdigest() != artifact["sha256"]:
                fault = "has another SHA-256" if path.is_file() else "no such file"
                faults.append(f"{path}: {fault} ({function} for {architecture})")
    if faults:
        sys.exit("\n".join(f"error: {fault}" for fault in faults) + "\nhelp: `make functions` builds them")
    return files


def manual(binary: Path) -> dict[str, bytes]:
    """Every manual page by its name."""
    with tempfile.TemporaryDirectory() as folder:
        told(binary, "man", folder)
        return {page.name: page.read_bytes() for page in Path(folder).iterdir()}


def contents(binary: Path, functions: dict[str, bytes], bom: bytes) -> dict[str, bytes]:
    """Every file of the archive by its path."""
    files = {"tenantry": binary.read_bytes(), "tenantry.cdx.json": bom}
    files |= {name: (ROOT / name).read_bytes() for name in DOCUMENTS}
    files |= {f"completions/{name}": told(binary, "completions", shell).encode() for shell, name in COMPLETIONS.items()}
    files |= {f"man/man1/{name}": page for name, page in manual(binary).items()}
    return files | {f"functions/{name}": content for name, content in functions.items()}


def archive(path: Path, folder: str, files: dict[str, bytes], epoch: int, level: int) -> None:
    """Writes the files below a folder into a tar.gz."""
    above = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    with (
        path.open("wb") as plain,
        gzip.GzipFile("", "wb", level, plain, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in ["", *sorted(above | files.keys())]:
            entry = tarfile.TarInfo(f"{folder}/{name}".rstrip("/"))
            entry.mtime = epoch
            content = files.get(name)
            entry.mode = 0o644 if content is not None and name != "tenantry" else 0o755
            entry.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help="target triple; the host's without it")
    parser.add_argument("--binary", type=Path, help="a binary that is built already; without it cargo builds it")
    parser.add_argument("--functions", type=Path, default=ROOT / "target/functions", help="folder of the functions' zips")
    parser.add_argument("--lock", type=Path, default=package.LOCK, help="the lock that names these")
    parser.add_argument("--sbom", type=Path, help="an SBOM that is made already")
    parser.add_argument("--level", type=int, default=9, help="of compression: 0 to 9")
    parser.add_argument("--out", type=Path, default=ROOT / "target/archives")
    options = parser.parse_args()

    target = options.target or host()
    epoch, name = moment(), f"tenantry-{version()}-{target}"
    # What is missing is told before minutes of building.
    functions = zips(options.functions, options.lock)
    binary = (options.binary or build(target, epoch)).resolve()
    bom = options.sbom.read_bytes() if options.sbom else sbom(target, epoch)
    options.out.mkdir(parents=True, exist_ok=True)
    made = [options.out / f"{name}.tar.gz", options.out / f"{name}.cdx.json"]
    archive(made[0], name, contents(binary, functions, bom), epoch, options.level)
    made[1].write_bytes(bom)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made]
    (options.out / "SHA256SUMS").write_text("".join(sums))
    print(*made, options.out / "SHA256SUMS", sep="\n")


if __name__ == "__main__":
    main()
