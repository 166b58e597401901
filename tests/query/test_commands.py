from __future__ import annotations

import pytest

from skyhouse.errors import QueryError
from skyhouse.query.commands import Create, Drop, Explain, Insert, read
from skyhouse.query.parse import written


@pytest.mark.parametrize(
    ("text", "kind", "target", "query"),
    [
        ("CREATE TABLE s.t AS SELECT 1 AS a", Create, "s.t", "SELECT 1 AS a"),
        ("  -- first\ncreate /* a */ table S.t as (select 1 as a) ;", Create, "S.t", "SELECT 1 AS a"),
        ('CREATE TABLE "s"."t" AS WITH x AS (SELECT 1 AS a) SELECT a FROM x', Create, "s.t", None),
        ("INSERT INTO s.t SELECT 1", Insert, "s.t", "SELECT 1"),
        ("INSERT INTO s.t (SELECT 1)", Insert, "s.t", "SELECT 1"),
        ("INSERT INTO t (a, b) VALUES (1, 'x;'), (2, NULL);", Insert, "t", None),
        ("SELECT a INTO s.t FROM x", Create, "s.t", "SELECT a FROM x"),
        ("SELECT a INTO s.t FROM x UNION SELECT b FROM y", Create, "s.t", "SELECT a FROM x UNION SELECT b FROM y"),
        ("EXPLAIN SELECT 1", Explain, None, "SELECT 1"),
        ("explain -- what?\n CREATE OR REPLACE TABLE s.t AS SELECT 1", Explain, None, "SELECT 1"),
        ("EXPLAIN INSERT INTO s.t (a) SELECT 1", Explain, None, "SELECT 1"),
        ("EXPLAIN SELECT 1 INTO s.t", Explain, None, "SELECT 1"),
        ("explain\n -- why\n WITH x AS (SELECT 1 AS a) SELECT a FROM x;", Explain, None, None),
        ("DROP TABLE s.t;", Drop, "s.t", None),
    ],
)
def test_statements_are_read(text, kind, target, query):
    found = read(text)
    assert type(found) is kind
    if target:
        assert found.target.name == target
    if query:
        assert written(found.query) == query


def test_what_a_statement_may_say():
    assert read("CREATE OR REPLACE TABLE s.t AS SELECT 1").replace
    assert read("CREATE TABLE IF NOT EXISTS s.t AS SELECT 1").exist_ok
    assert read("DROP TABLE IF EXISTS s.t").missing_ok
    assert [c.name for c in read('INSERT INTO s.t (a, "B c") SELECT 1, 2').columns] == ["a", "B c"]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("SELECT TOP 10 a INTO mydb.x FROM PhotoObj", "mydb.x"),
        ("SELECT a INTO mydb.dbo.[x] FROM y", "mydb.x"),
        ("INSERT INTO [mydb].x SELECT 1", "mydb.x"),
        ("DROP TABLE mydb.dbo.x", "mydb.x"),
    ],
)
def test_casjobs_writes_its_own_tables(text, target):
    assert read(text, "tsql").target.name == target


REFUSED = [
    ("UPDATE s.t SET a = 1", 1, "CREATE OR REPLACE TABLE"),
    ("DELETE FROM s.t", 1, "CREATE OR REPLACE TABLE"),
    ("MERGE INTO s.t USING u ON 1 = 1", 1, "CREATE OR REPLACE TABLE"),
    ("TRUNCATE TABLE s.t", 1, "CREATE OR REPLACE TABLE"),
    ("ALTER TABLE s.t ADD COLUMN a int", 1, "do not change"),
    ("SET threads = 1", 1, r"skyhouse\.open"),
    ("PRAGMA database_list", 1, r"skyhouse\.open"),
    ("COPY s.t TO '/data/x.csv'", 1, r"write\(path\)"),
    ("/* SELECT */ COPY (SELECT 1) TO '/data/x'", 14, "files"),
    ("ATTACH '/data/x.db' AS x", 1, r"lake\.attach"),
    ("CALL pragma_version()", 1, "nothing is loaded or called"),
    ("EXEC sp_who", 1, "nothing is loaded or called"),
    ("INSTALL httpfs", 1, "nothing is loaded"),
    ("LOAD httpfs", 1, "nothing is loaded"),
    ("ADD JAR '/data/x.jar'", 1, "nothing is loaded"),
    ("GRANT SELECT ON s.t TO anna", 1, "permissions"),
    ("BEGIN TRANSACTION", 1, "atomic"),
    ("SHOW TABLES", 1, r"lake\.tables"),
    ("DESCRIBE s.t", 1, r"lake\.tables"),
    ("VACUUM", 1, "skyhouse vacuum"),
    ("CREATE VIEW s.v AS SELECT 1", 8, "no views"),
    ("CREATE OR REPLACE VIEW s.v AS SELECT 1", 19, "no views"),
    ("CREATE TEMP TABLE t AS SELECT 1", 8, "temporary"),
    ("CREATE FUNCTION f() RETURNS int RETURN 1", 8, "functions are those of the language"),
    ("CREATE MACRO f() AS 1", 8, "functions are those of the language"),
    ("CREATE SCHEMA s", 8, "as long as it has tables"),
    ("CREATE INDEX i ON s.t (a)", 8, "ORDER BY"),
    ("CREATE SECRET x (TYPE s3)", 8, "TABLE"),
    ("CREATE TABLE s.t (a int)", 18, "made by a query"),
    ("CREATE TABLE s.t", 16, "made by a query"),
    ("CREATE TABLE s.t AS", 18, "query is missing"),
    ("CREATE TABLE s.t AS DROP TABLE s.u", 21, "only SELECT"),
    ("CREATE TABLE s.t AS FROM read_csv('/etc/passwd')", 21, "only SELECT"),
    ("CREATE TABLE '/data/t' AS SELECT 1", 14, "name of a table"),
    ("CREATE TABLE 1 AS SELECT 1", 14, "name of a table"),
    ("CREATE TABLE a.b.c.d AS SELECT 1", 14, r"schema\.table"),
    ("CREATE TABLE a.b.c AS SELECT 1", 14, r"schema\.table"),
    ("CREATE OR REPLACE TABLE IF NOT EXISTS s.t AS SELECT 1", 39, "not both"),
    ("CREATE TABLE s.t AS SELECT 1; DROP TABLE s.u", 29, "one statement"),
    ("DROP TABLE s.t; DROP TABLE s.u", 17, "one statement"),
    ("SELECT 1; DROP TABLE s.t", 9, "one statement"),
    ("DROP TABLE s.t, s.u", 15, "does not fit"),
    ("DROP TABLE s.t CASCADE", 16, "does not fit"),
    ("DROP SCHEMA s", 6, "as long as it has tables"),
    ("DROP DATABASE s", 6, "as long as it has tables"),
    ("INSERT OVERWRITE s.t SELECT 1", 8, "CREATE OR REPLACE"),
    ("INSERT OR REPLACE INTO s.t SELECT 1", 8, "INSERT INTO"),
    ("INSERT INTO s.t (a b) SELECT 1", 20, r"ends with \)"),
    ("INSERT INTO s.t", 15, "query is missing"),
    ("INSERT INTO s.t DEFAULT VALUES", 17, "only SELECT"),
    ("INSERT INTO s.t SELECT 1 RETURNING *", 26, "does not fit"),
    ("WITH a AS (SELECT 1) INSERT INTO s.t SELECT * FROM a", 1, "only SELECT"),
    ("SELECT a INTO TEMP s.t FROM x", 20, "one table"),
    ("EXPLAIN ANALYZE SELECT 1", 9, "leave it out"),
    ("EXPLAIN DROP TABLE s.t", 9, "only SELECT"),
    ("EXPLAIN EXPLAIN SELECT 1", 9, "only SELECT"),
]


@pytest.mark.parametrize(("text", "column", "mend"), REFUSED, ids=[text for text, _, _ in REFUSED])
def test_all_else_is_refused_with_place_and_mend(text, column, mend):
    with pytest.raises(QueryError, match=mend) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_a_fault_in_the_query_points_into_the_whole_text():
    with pytest.raises(QueryError) as caught:
        read("INSERT INTO s.t\nVALUES (1, 'é'),\n  (2, 3 4);")
    assert (caught.value.line, caught.value.column) == (3, 9)
    assert "  (2, 3 4);\n" in str(caught.value)
    with pytest.raises(QueryError) as caught:
        read("EXPLAIN SELECT a FROM b c d")
    assert (caught.value.line, caught.value.column) == (1, 27)
    assert "  EXPLAIN SELECT a FROM b c d\n" in str(caught.value)


@pytest.mark.parametrize("dialect", ["sql", "adql", "tsql", "spark"])
@pytest.mark.parametrize("text", ["UPDATE t SET a = 1", "GRANT x TO y", "CREATE VIEW v AS SELECT 1", "DROP VIEW v"])
def test_no_dialect_lets_other_statements_through(text, dialect):
    with pytest.raises(QueryError):
        read(text, dialect)
