"""The code blocks of a page run, and one that does not do what the page shows fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGE = """
# Good

```python
from pathlib import Path

x = 2
Path("a.txt").write_text("here")
```

```python
>>> x + 1, Path("a.txt").exists()
(3, True)
```

<!-- skip: it is wrong on purpose -->
```python
1 / 0
```

```console
$ skyhouse no-such-command
...No such command 'no-such-command'...
$ rm -r never-run
```

```text
not code
```

# Bad

```python
assert x == 3
```

```python
>>> x
3
```

```console
$ skyhouse --help
nothing of the kind
```

```console
$ skyhouse no-such-command
```
"""


def test_blocks_pass_or_fail_as_they_should(tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = spark\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "--tb=short", "README.md"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.splitlines()[-1].strip("= ").startswith("4 failed, 3 passed, 1 skipped"), ran.stdout
    verdicts = [line.partition(" - ")[0] for line in ran.stdout.splitlines() if line.startswith("FAILED")]
    failed = [int(verdict.split()[-1]) for verdict in verdicts]
    lines = dict(enumerate(PAGE.splitlines(), start=1))
    assert [lines[n] for n in failed] == ["assert x == 3", ">>> x", "$ skyhouse --help", "$ skyhouse no-such-command"]
    assert f"README.md:{failed[0]}: in <module>" in ran.stdout
    assert not (ROOT / "a.txt").exists()
