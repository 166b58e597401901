import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_language_page_lists_the_functions_that_there_are():
    spec = importlib.util.spec_from_file_location("sql_reference", ROOT / "scripts" / "sql_reference.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = script.PAGE.read_text(encoding="utf-8")
    assert "`median(" in page
    assert script.with_functions(page) == page, "run scripts/sql_reference.py"
