"""Writes what each target begins with into `fuzz/corpus/<target>`: the repository's own files, and those in `seeds/`.

A target that takes a number before the text reads it from the first byte, and one that takes a time from eight more.
"""

from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent
TIME = b"\0" * 8

#: Target → pairs of what comes first and the files that follow it.
SEEDS: dict[str, list[tuple[bytes, list[str]]]] = {
    "yaml": [(b"", ["tenants/*.yaml", "policies/flags.yaml", "templates/*.yaml"])],
    "estate": [
        (b"\0", ["tenants/[!f]*.yaml"]),
        (b"\1", ["tenants/fleet.yaml"]),
        (b"\2", ["policies/flags.yaml"]),
        (b"\3", ["tenants/certs/*.pem"]),
    ],
    "blueprint": [(b"", ["templates/blueprint.yaml", "blueprints/*/templates/blueprint.yaml"])],
    "templates": [(b"", ["templates/tenant/*.tera", "blueprints/*/templates/**/*.tera"])],
    "tables": [
        (b"\0", ["policies/regions.yaml"]),
        (b"\1", ["policies/quotas.yaml"]),
        (b"\2", ["policies/prices.yaml"]),
        (b"\3", ["policies/resources.yaml"]),
        (b"\5", ["pipeline/functions.lock.json"]),
    ],
    "rules": [(b"", ["policies/*.guard", "blueprints/*/policies/*.guard"])],
    "answers": [(b"", ["fuzz/seeds/answers/*"])],
    "stored": [(bytes([number]) + TIME, [f"fuzz/seeds/stored/{number}-*"]) for number in range(8)],
}

for target, pairs in SEEDS.items():
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    texts = [first + path.read_bytes() for first, globs in pairs for glob in globs for path in sorted(ROOT.glob(glob))]
    if not texts:
        raise SystemExit(f"no file of the repository fits {target}")
    for number, text in enumerate(texts):
        (folder / f"seed-{number:03}").write_bytes(text)
