"""The rulebook `docs/aws-rules.md`: every test that it names exists, and every test of a rule is in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent

#: Files that hold tests of AWS's rules and of nothing else.
OF_RULES = ["test_creation.py", "test_deletion.py", "test_flags.py", "test_identity.py", "test_import.py",
            "test_limits.py", "test_messages.py", "test_stores.py"]


def rows() -> list[list[str]]:
    """The cells of each row, without the heading."""
    lines = [line for line in (ROOT / "docs" / "aws-rules.md").read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def python_tests(paths: list[Path]) -> set[str]:
    return {name for path in paths for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)}


def rust_tests() -> set[str]:
    """Functions below a test attribute, whatever other attributes stand between."""
    pattern = r"#\[(?:tokio::)?test(?:\([^\]]*\))?\]\s*(?:(?:#\[[^\]]*\]|//[^\n]*)\s*)*(?:async )?fn (\w+)"
    files = [path for folder in ("src", "crates", "tests", "pipeline") for path in (ROOT / folder).rglob("*.rs")]
    return {name for path in files for name in re.findall(pattern, path.read_text())}


def test_every_row_has_a_source_and_tests_that_exist() -> None:
    ours, theirs = rust_tests(), python_tests(list(HERE.glob("test_*.py")))
    wrong = []
    for rule, source, kept, obeyed in rows():
        if not source:
            wrong.append(f"{rule}: no source")
        wrong += [f"{rule}: no test {name}" for name in re.findall(r"`(\w+)`", kept) or [kept] if name not in theirs]
        wrong += [f"{rule}: no test {name}" for name in re.findall(r"`(\w+)`", obeyed) or [obeyed]
                  if name not in ours | theirs]
    assert wrong == []


def test_every_test_of_a_rule_is_in_the_rulebook() -> None:
    named = {name for row in rows() for cell in row[2:] for name in re.findall(r"`(\w+)`", cell)}
    assert python_tests([HERE / name for name in OF_RULES]) - named == set()
