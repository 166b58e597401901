"""Nothing but the lake's tables and the language's functions is reached by a query, in any dialect."""

from __future__ import annotations

import pytest

import skyhouse
from skyhouse.errors import QueryError, UnknownFunction, UnknownTable

SOURCES = """
information_schema.tables
information_schema.columns
sqlite_master
main.sqlite_master
pg_catalog.pg_class
pg_tables
duckdb_settings
duckdb_settings()
duckdb_secrets()
system.main.x
'/etc/passwd'
"/etc/passwd"
"/etc"."passwd"
read_csv('/etc/passwd')
read_parquet(['/etc/passwd'])
glob('/*')
pragma_version()
query('SELECT 1')
query_table('my.a')
my.a, read_text('x')
my.a, LATERAL (SELECT * FROM read_text('x')) t
(SELECT * FROM read_text('x')) t
parquet.`/etc/passwd`
delta.`/etc`
OPENROWSET('SQLNCLI', 'x', 'SELECT 1')
sys.tables
master.dbo.sysobjects
""".strip().splitlines()

CALLS = """
getenv('HOME')
current_setting('threads')
read_text('/etc/passwd')
version()
current_user()
pg_read_file('/etc/passwd')
java_method('java.lang.System', 'exit', 1)
reflect('java.lang.System', 'exit')
query('SELECT 1')
input_file_name()
error('x')
xp_cmdshell('ls')
""".strip().splitlines()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with skyhouse.open(tmp_path_factory.mktemp("gate") / "lake", threads=1) as opened:
        opened.sql("CREATE TABLE my.a AS SELECT 1 AS i")
        yield opened


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dialect", ["sql", "adql", "tsql", "spark"])
def test_only_tables_of_the_lake_are_read(lake, dialect, source):
    refused = (QueryError, UnknownTable, UnknownFunction)
    for text in (f"SELECT * FROM {source}", f"SELECT * INTO my.b FROM {source}"):
        with pytest.raises(refused):
            lake.sql(text, dialect=dialect)
    with pytest.raises(refused):
        lake.sql(f"CREATE TABLE my.b AS SELECT 1 AS a WHERE 1 IN (SELECT 1 FROM {source})", dialect=dialect)
    assert lake.registry.names() == ["my.a"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dialect", ["sql", "adql", "tsql", "spark"])
def test_only_functions_of_the_language_are_called(lake, dialect, call):
    for text in (f"SELECT {call} AS x", f"SELECT i FROM my.a WHERE {call} = 'x'", f"INSERT INTO my.a SELECT {call}"):
        with pytest.raises((QueryError, UnknownFunction)):
            lake.sql(text, dialect=dialect)
    assert lake.registry.table("my.a").version == 1
