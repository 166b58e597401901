from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyhouse.columns import Column, list_type, struct_type
from skyhouse.errors import InputError, LakeError, NotALake, TableExists, UnknownTable
from skyhouse.lake.definition import Definition
from skyhouse.lake.registry import Registry


def lower_name(field: tuple[str, str]) -> str:
    return field[0].lower()


WORDS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=12)
NOTES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(["1", "true", "null", "1e-17"])
SCALARS = ["bool", "int8", "int16", "int32", "int64", "float32", "float64", "string", "binary", "date", "timestamp"]
TYPES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.builds(list_type, inner)
        | st.builds(struct_type, st.lists(st.tuples(WORDS, inner), min_size=1, max_size=3, unique_by=lower_name))
    ),
    max_leaves=4,
)
COLUMNS = st.lists(
    st.builds(Column, WORDS, TYPES, NOTES, NOTES, NOTES),
    min_size=1,
    max_size=6,
    unique_by=lambda column: column.name.lower(),
)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    columns = tuple(draw(COLUMNS))
    names = [column.name for column in columns]
    sort = tuple(draw(st.permutations(names)))[: draw(st.integers(0, len(names)))]
    return Definition(
        "a.b",
        columns,
        key=tuple(draw(st.lists(st.sampled_from(names), unique=True))),
        sort=sort,
        unit=sort[: draw(st.integers(0, len(sort)))],
        description=draw(NOTES),
        part_of=draw(st.sampled_from(["", "a.c"])),
        row_group_rows=draw(st.integers(1, 10**6)),
        file_bytes=draw(st.integers(1, 10**12)),
        properties=draw(st.dictionaries(NOTES, NOTES, max_size=3)),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(definition=definitions())
def test_a_definition_survives_its_log(tmp_path_factory, definition: Definition):
    registry = Registry.make(tmp_path_factory.mktemp("lake"))
    registry.create(definition)
    opened = Registry.open(registry.root).table("a.b")
    assert opened.definition == definition
    assert opened.columns == definition.columns
    assert (opened.version, opened.rows, opened.bytes, opened.files()) == (0, 0, 0, ())


def test_names_are_found_in_any_case_and_listed_as_written(registry: Registry):
    columns = (Column("z", "float64"),)
    registry.create(Definition("Gaia.Source", columns))
    registry.create(Definition("_a.b_1", columns))
    assert registry.names() == ["Gaia.Source", "_a.b_1"]
    assert registry.table("gaia.SOURCE").name == "Gaia.Source"
    with pytest.raises(TableExists):
        registry.create(Definition("gaia.source", columns))
    with pytest.raises(UnknownTable, match=r"did you mean 'Gaia\.Source'"):
        registry.table("gaia.sorce")


@pytest.mark.parametrize("name", ["spaxels", "a.b.c", "a.", ".b", "1a.b", "a.b-c", "a/../.b", "a.b\n", "ä.b", ""])
def test_names_that_cannot_be(registry: Registry, name: str):
    with pytest.raises(InputError, match=r"schema\.name"):
        registry.create(Definition(name, (Column("z", "float64"),)))
    with pytest.raises(UnknownTable):
        registry.table(name)


def test_create_with_exist_ok_wants_the_same_shape(registry: Registry):
    plain = Definition("a.b", (Column("z", "float64", unit="Mpc"),))
    registry.create(plain)
    reworded = Definition("a.b", (Column("z", "float64", description="redshift"),), description="new words")
    assert registry.create(reworded, exist_ok=True).definition == plain
    with pytest.raises(TableExists, match="other columns"):
        registry.create(Definition("a.b", (Column("z", "float32"),)), exist_ok=True)
    with pytest.raises(TableExists, match="already"):
        registry.create(plain)


def test_unsigned_columns_and_odd_names_are_refused(registry: Registry):
    with pytest.raises(InputError, match="int16"):
        registry.create(Definition("a.b", (Column("mask", "uint8"),)))
    with pytest.raises(InputError, match="'a b'"):
        registry.create(Definition("a.b", (Column("a b", "int8"),)))
    assert registry.names() == []


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"key": ("nope",)}, "key"),
        ({"sort": ("nope",)}, "sort"),
        ({"unit": ("y",), "sort": ("x", "y")}, "unit"),
        ({"unit": ("y",)}, "unit"),
        ({"row_group_rows": 0}, "row_group_rows"),
    ],
)
def test_definitions_that_contradict_themselves(parts: dict[str, object], word: str):
    with pytest.raises(InputError, match=word):
        Definition("a.b", (Column("x", "int8"), Column("y", "int8")), **parts)
    with pytest.raises(InputError, match="two columns"):
        Definition("a.b", (Column("x", "int8"), Column("X", "int8")))


def test_drop(registry: Registry, spaxels: Definition):
    folder = registry.create(spaxels).path
    registry.drop("MANGA.spaxels")
    assert registry.names() == []
    assert list(folder.parent.iterdir()) == []
    with pytest.raises(UnknownTable):
        registry.drop("manga.spaxels")
    assert registry.create(spaxels).version == 0


def test_folders_that_are_no_tables_are_not_listed(registry: Registry, spaxels: Definition):
    registry.create(spaxels)
    for folder in ("manga/notes", "manga/.dropped-x/_delta_log", "manga/half/_delta_log", ".git/objects"):
        (registry.root / folder).mkdir(parents=True)
    (registry.root / "README.md").write_text("hello")
    assert registry.names() == ["manga.spaxels"]
    registry.create(Definition("manga.half", spaxels.columns))
    assert registry.names() == ["manga.half", "manga.spaxels"]


def test_what_is_not_a_lake(tmp_path: Path):
    with pytest.raises(NotALake, match="not a lake"):
        Registry.open(tmp_path)
    marker = tmp_path / "skyhouse.toml"
    for text, words in [("format = 2", "upgrade"), ("format = 'x'", "format = 1"), ("", "format = 1"), ("=", "read")]:
        marker.write_text(text)
        with pytest.raises(NotALake, match=words):
            Registry.open(tmp_path)
    with pytest.raises(NotALake):
        Registry.open(marker)
    with pytest.raises(LakeError):
        Registry.make(marker)
    marker.unlink()
    with pytest.raises(LakeError, match="listed"):
        Registry(tmp_path / "gone").names()


def test_a_name_that_delta_reads_as_another_is_refused(tmp_path: Path):
    """The log would be written to a%20b and read from 'a b'."""
    with pytest.raises(LakeError, match=r"%20 as ' '; rename"):
        Registry.make(tmp_path / "a%20b")
    assert not list(tmp_path.iterdir())
    for name in ("50%", "%", "a b", "[x]", "é#?*'"):
        registry = Registry.make(tmp_path / name)
        registry.create(Definition("s.t", (Column("a", "int64"),)))
        assert registry.table("s.t").refresh().version == 0, name


def test_making_a_lake_twice_keeps_it(registry: Registry, spaxels: Definition):
    registry.create(spaxels)
    marker = registry.root / "skyhouse.toml"
    marker.write_text("format = 1\n[settings]\nworkers = 3\n")
    assert Registry.make(registry.root).names() == ["manga.spaxels"]
    assert "workers" in marker.read_text()
    assert [p.name for p in registry.root.iterdir() if p.is_file()] == ["skyhouse.toml"]


def test_a_damaged_log_is_told(registry: Registry, spaxels: Definition):
    table = registry.create(spaxels)
    (table.path / "_delta_log" / f"{1:020}.json").write_text("rubbish")
    with pytest.raises(LakeError, match=str(table.path)):
        registry.table("manga.spaxels")


CREATOR = """
import sys
from pathlib import Path
from skyhouse import Column
from skyhouse.lake.definition import Definition
from skyhouse.lake.registry import Registry

registry = Registry.make(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(30):
    registry.create(Definition(f"a.t{i}", (Column("z", "float64"),)), exist_ok=True)
"""


def test_two_processes_may_create_the_same_tables(tmp_path: Path):
    start = [sys.executable, "-c", CREATOR, str(tmp_path / "lake")]
    makers = [subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:  # both at once
        assert maker.stdin is not None
        maker.stdin.write("\n")
        maker.stdin.flush()
    for maker in makers:
        maker.communicate(timeout=120)
        assert maker.returncode == 0
    registry = Registry.open(tmp_path / "lake")
    assert len(registry.names()) == 30
    assert {registry.table(name).version for name in registry.names()} == {0}
