"""Builds the functions twice, from two folders and two cargo homes, and compares the zips.

    reproduce.py ARCHITECTURE…

The first build is this checkout's. The second is a clone in a folder with a space in its name, with an empty cargo home.
Exit code 1 if a zip differs, or if either is not the one of pipeline/functions.lock.json.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import package


def build(root: Path, architectures: list[str], environment: dict[str, str]) -> int:
    """Builds and verifies in a checkout; the exit code of package.py."""
    command = [sys.executable, str(root / "pipeline/package.py"), "verify", *architectures]
    return subprocess.run(command, env=environment).returncode


def zips(root: Path) -> set[str]:
    """Digests of what a checkout built."""
    return {path.stem for path in (root / "target/functions").glob("*.zip")}


def main(architectures: list[str]) -> int:
    """Builds in both places."""
    shutil.rmtree(package.ROOT / "target/functions", ignore_errors=True)
    first = build(package.ROOT, architectures, dict(os.environ))
    with tempfile.TemporaryDirectory() as folder:
        clone, home = Path(folder) / "another place", Path(folder) / "cargo home"
        subprocess.run(["git", "clone", "--quiet", str(package.ROOT), str(clone)], check=True)
        second = build(clone, architectures, os.environ | {"CARGO_HOME": str(home)})
        here, there = zips(package.ROOT), zips(clone)
    if here != there:
        print(f"error: the functions are not reproducible: {sorted(here)} here, {sorted(there)} in a clone", file=sys.stderr)
        return 1
    print(f"{len(here)} zips, the same bytes from two folders and two cargo homes")
    return max(first, second)


if __name__ == "__main__":
    if not sys.argv[1:] or not set(sys.argv[1:]) <= package.FLAGS.keys():
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
