"""What a job takes on a machine, against sums done by hand; and the price table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhouse.errors import SettingsError
from skyhouse.objects.costs import Machine, Owned, Rented, Workload, cost, makespan
from skyhouse.objects.prices import Prices, prices, user_file


@pytest.fixture(autouse=True)
def _no_table_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_the_published_cloud_run_follows_from_its_own_assumptions():
    run = prices().published["cloud"]
    spent = cost(Workload(run.objects, 1 / run.rate), run.machine)
    assert spent.wall_seconds / 3600 == pytest.approx(16, rel=0.01)
    assert spent.core_hours == pytest.approx(40 * 16 * 16, rel=0.01)
    assert spent.dollars == pytest.approx(360, rel=0.01)
    assert run.machine.price == Rented(0.5625)  # 360 / (40 x 16)
    rate, hourly = run.check()
    assert "= 27.1 objects/s/core; printed: 27, follows" in rate
    assert "= $0.5625 for a node and hour" in hourly


def test_the_published_own_cluster_takes_its_hours_but_not_its_dollars():
    run = prices().published["own"]
    spent = cost(Workload(run.objects, 1 / run.rate), run.machine)
    assert spent.wall_seconds / 3600 == pytest.approx(100, rel=0.04)  # 8 is 8.27, rounded
    assert spent.core_hours == pytest.approx(14 * 24 * 100, rel=0.04)
    assert spent.dollars == pytest.approx(126, rel=0.04)
    rate, power = run.check()
    assert "= 8.3 objects/s/core; printed: 8, follows" in rate
    assert "14 nodes x 1 kW x 100 h x $0.09/kWh = $126 of power alone; printed: $15.00, does not follow" in power
    assert "119 W a node, or 11.9 h" in power


def test_what_the_hourly_price_of_the_published_run_buys():
    """At $0.5625 a node of 16 vCPUs is dearer than a spot one and cheaper than those on demand of its kind."""
    hourly = {name: m.price.dollars_per_hour for name, m in prices().machines.items() if m.cores == 16 and m.price}
    assert hourly["c5-spot"] < prices().published["cloud"].machine.price.dollars_per_hour < hourly["m7g-on-demand"]


def test_cpu_bound_and_io_bound():
    machine = Machine("m", nodes=2, cores=4, bytes_per_second=1e6, start_seconds=10, price=Rented(3.6))
    busy = cost(Workload(1000, core_seconds=0.8, bytes=100), machine)
    assert (busy.bound, busy.cpu_seconds, busy.io_seconds) == ("CPU", 100, 0.05)
    assert busy.wall_seconds == 110
    assert busy.core_hours == 8 * 110 / 3600
    assert busy.dollars == pytest.approx(2 * 110 * 3.6 / 3600)
    waiting = cost(Workload(1000, core_seconds=0.8, bytes=1e6), machine)
    assert (waiting.bound, waiting.io_seconds, waiting.wall_seconds) == ("I/O", 500, 510)


def test_cores_that_do_not_read_ahead_wait():
    machine = Machine("m", nodes=1, cores=2, bytes_per_second=1e6, start_seconds=1, ahead=False)
    spent = cost(Workload(1000, core_seconds=0.8, bytes=1e6, parts=(1, 1, 1), start_seconds=2), machine)
    assert spent.cpu_seconds == pytest.approx(800 * 2 / 3)
    assert spent.io_seconds == pytest.approx(1000 * 4 / 3)  # of three parts, one core reads two
    assert spent.wall_seconds == pytest.approx(3 + spent.cpu_seconds + spent.io_seconds)
    assert spent.bound == "I/O"
    assert "of waiting: I/O bound; + 3 s to start" in spent.arithmetic


def test_the_arithmetic_is_told():
    machine = Machine("m", 2, 4, 1e6, 10, Rented(3.6), speed=0.5)
    assert cost(Workload(1000, 0.8, 100, (2, 2, 1)), machine).arithmetic == (
        "1,000 objects x 800 ms = 0.222 core-hours, / 8 cores of speed 0.5 = 10.7 min "
        "(not 3.33 min, for they are 3 parts); 100 kB / (2 x 1 MB/s) = 50 ms: CPU bound; "
        "+ 10 s to start = 10.8 min; 2 nodes x 0.181 h x $3.6 = $1.30"
    )


def test_an_own_server_costs_its_purchase_and_its_power():
    own = Owned(purchase_dollars=8766, lifetime_years=4, use=0.5, power_kw=2, dollars_per_kwh=0.1)
    assert own.dollars_per_hour == pytest.approx(8766 / (4 * 8766 * 0.5) + 0.2)
    spent = cost(Workload(3600, 1), Machine("own", 1, 1, price=own))
    assert spent.dollars == pytest.approx(0.7)
    assert spent.arithmetic.endswith(
        "1 nodes x 1 h x ($8,766 / (4 years x 50% in use) = $0.5, + 2 kW x $0.1/kWh) = $0.70"
    )


def test_no_price_no_dollars():
    spent = cost(Workload(10, 1), Machine("here", 1, 2))
    assert spent.dollars is None
    assert spent.arithmetic == "10 objects x 1 s = 0.00278 core-hours, / 2 cores = 5 s"


@given(st.lists(st.floats(0, 1e6), max_size=40), st.integers(1, 50))
def test_parts_take_as_long_as_they_can_be_shared(parts: list[float], workers: int):
    last = makespan(parts, workers)
    even = sum(parts) / workers
    longest = max(parts, default=0)
    assert max(even, longest) * (1 - 1e-9) <= last <= (even + longest) * (1 + 1e-9)


@given(st.integers(1, 10**10), st.floats(1e-6, 10), st.integers(1, 100), st.integers(1, 128))
def test_dollars_do_not_depend_on_how_many_nodes_share_the_work(objects, seconds, nodes, cores):
    one, many = (cost(Workload(objects, seconds), Machine("m", n, cores, price=Rented(0.7))) for n in (1, nodes))
    assert math.isclose(one.dollars, many.dollars, rel_tol=1e-9)
    assert math.isclose(one.core_hours, objects * seconds / 3600, rel_tol=1e-9)


def lake_with(folder: Path, text: str) -> Prices:
    (folder / "costs.toml").write_text(text, encoding="utf-8")
    return prices(folder)


def test_a_lake_and_a_user_add_to_the_table_and_change_it(tmp_path: Path):
    user_file().parent.mkdir(parents=True)
    user_file().write_text(
        "[machines.mine]\nnodes = 1\ncores = 8\n[machines.own-servers]\nnodes = 3\nuse = 0.25\n", encoding="utf-8"
    )
    found = lake_with(tmp_path, "[machines.own-servers]\nnodes = 5\n[machines.c5-spot]\nnodes = 0\n")
    assert found.machines["mine"].all_cores == 8
    assert found.machines["mine"].price is None
    own = found.machines["own-servers"]
    assert (own.nodes, own.cores) == (5, 24)
    assert isinstance(own.price, Owned)
    assert own.price.use == 0.25
    assert "c5-spot" not in found.machines
    assert found.files == ("costs.toml", str(user_file()), str(tmp_path / "costs.toml"))


def test_every_machine_of_the_table_says_when_and_where_its_price_is_from():
    for machine in prices().machines.values():
        assert machine.price is not None
        assert machine.as_of
        assert machine.source


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[machines", "is no TOML"),
        ("nodes = 3", "parts begin by [machines.NAME] or [published.NAME], not 'nodes'"),
        ("[machines]\nm = 1", "machines.m is a part"),
        ("[machines.m]\nnode = 3", "has no 'node'; did you mean 'nodes'?"),
        ("[machines.m]\nnodes = 3", "[machines.m] lacks cores"),
        ("[machines.m]\nnodes = 3\ncores = 0", "cores is a number above 0, not 0"),
        ("[machines.m]\nnodes = -1\ncores = 1", "nodes is a number from 0, not -1"),
        ("[machines.m]\nnodes = 1.5\ncores = 1", "nodes is a whole number, not 1.5"),
        ("[machines.own-servers]\nuse = 1.5", "use is a share above 0, 1 at most, not 1.5"),
        ("[machines.own-servers]\ncores = true", "cores is a number above 0, not True"),
        ("[machines.own-servers]\nspeed = 'fast'", "speed is a number above 0, not 'fast'"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path: Path, text: str, told: str):
    with pytest.raises(SettingsError) as caught:
        lake_with(tmp_path, text)
    assert told in str(caught.value)
    assert str(tmp_path / "costs.toml") in str(caught.value)
