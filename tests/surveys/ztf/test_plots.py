"""Light curves are drawn, in time or folded."""

from __future__ import annotations

import numpy as np
import pytest

from skyhouse.errors import InputError
from skyhouse.surveys import ztf

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def star(ztf_lake):
    """The best observed RR Lyrae: its row and its period."""
    joined = "SELECT o.*, t.period FROM ztf.objects AS o JOIN ztf.truth AS t USING (object_id) WHERE t.class = 'RRAB'"
    rows = ztf_lake.sql(f"{joined} ORDER BY o.nobs_r DESC, o.object_id LIMIT 1").to_arrow().to_pylist()
    return rows[0]


def points(axes):
    """The x and y of every point drawn, crosses or not."""
    return [(line.get_marker(), *line.get_data()) for line in axes.get_lines() if line.get_marker() in (".", "x")]


def test_a_curve_in_time(ztf_lake, star, tmp_path):
    figure = ztf.plot_curve(ztf_lake, star["object_id"], path=str(tmp_path / "a.png"))
    (axes,) = figure.axes
    good = sum(flags == 0 for band in "gri" for flags in star[band]["catflags"])
    assert sum(len(x) for _, x, _ in points(axes)) == good
    assert axes.yaxis_inverted()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = ztf.plot_curve(ztf_lake, star["object_id"], flagged=True).axes
    assert sum(len(x) for _, x, _ in points(axes)) == sum(star[f"nobs_{band}"] for band in "gri")


def test_a_folded_curve_shows_its_shape_twice(ztf_lake, star):
    (axes,) = ztf.plot_curve(ztf_lake, star["object_id"], period=star["period"]).axes
    _, x, y = points(axes)[1]
    order = np.argsort(x)
    # Folded rightly, neighbours in phase differ little.
    assert x.min() >= 0
    assert 1 < x.max() < 2
    assert np.median(np.abs(np.diff(y[order]))) < 0.3 * np.std(y)


def test_what_cannot_be_drawn(ztf_lake, star):
    with pytest.raises(InputError, match="no object 3 in"):
        ztf.plot_curve(ztf_lake, 3)
    with pytest.raises(InputError, match="above 0"):
        ztf.plot_curve(ztf_lake, star["object_id"], period=float("nan"))
    with pytest.raises(InputError, match="cannot be written"):
        ztf.plot_curve(ztf_lake, star["object_id"], path="no/such/a.png")
