"""The lock files hold what pyproject.toml asks for, agree with each other, and leave the index to the reader's pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
CORE = [*PROJECT["project"]["dependencies"], *EXTRAS["plot"], *GROUPS["build"]]
ASKED = {
    "core": CORE,
    "spark": [*CORE, *EXTRAS["spark"]],
    "dev": [*CORE, *(r for extra in EXTRAS.values() for r in extra), *(r for r in GROUPS["dev"] if isinstance(r, str))],
}


def locked(name):
    """Every locked package and its versions (one for each range of Pythons)."""
    found = {}
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_holds_what_the_project_asks_for(name):
    versions = locked(name)
    wrong = []
    for requirement in map(Requirement, ASKED[name]):
        found = versions.get(canonicalize_name(requirement.name), set())
        if not found or not all(Version(v) in requirement.specifier for v in found):
            wrong.append(f"{requirement}: locked {sorted(found) or 'nowhere'}; `make lock` mends it")
    assert wrong == []


@pytest.mark.parametrize("name", ["core", "spark"])
def test_the_smaller_locks_are_parts_of_the_largest(name):
    whole = locked("dev")
    assert {package: v for package, v in locked(name).items() if whole.get(package) != v} == {}


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_has_pinned_packages_and_hashes_only(name):
    lines = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[\w.-]+==[^\s;]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not pin.fullmatch(line)] == []
