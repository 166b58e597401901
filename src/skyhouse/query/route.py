"""Which engine runs a query, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skyhouse.query.costs import Prediction
from skyhouse.query.engines import Engine, engine_named

__all__ = ["Offer", "Route", "route", "told"]

# Another engine than the embedded one has to be clearly faster: predictions are that coarse.
_SHARE, _SECONDS = 0.8, 0.3


@dataclass(frozen=True, slots=True)
class Offer:
    """An engine that might run a query: the predicted seconds, or why it cannot."""

    engine: Engine
    prediction: Prediction | None = None
    missing: str = ""


@dataclass(frozen=True)
class Route:
    """The engine that was picked, the reason in words, and what was predicted of each engine."""

    engine: Engine
    reason: str
    offers: tuple[Offer, ...] = ()

    def prediction(self, engine: str) -> Prediction | None:
        """Return what was predicted of an engine; None where it cannot run the query."""
        return next((offer.prediction for offer in self.offers if offer.engine == engine), None)


def route(wanted: str | None, offers: Sequence[Offer]) -> Route:
    """Pick the engine: the one that is asked for, else the one with the least predicted time that fits in memory.

    The first offer is the embedded engine's. Another is picked only if it takes less than 0.8 of its time and saves
    0.3 s. Raises InputError for an engine that is not there.

    >>> duckdb = Offer("duckdb", Prediction("duckdb", 0, 0.01, 0.03))
    >>> route("auto", [duckdb, Offer("spark", Prediction("spark", 0, 0.5, 0.8))]).reason
    'duckdb: 0.04 s predicted against 1.3 s on spark'
    """
    offers = tuple(offers)
    named = engine_named(wanted)
    if named is not None:
        return Route(named, "asked for", offers)
    able = [offer for offer in offers if offer.prediction is not None]
    fitting = [offer for offer in able if offer.prediction is not None and offer.prediction.fits] or able
    if not fitting:
        return Route(offers[0].engine if offers else "duckdb", "no engine can; this one says why", offers)
    best = min(fitting, key=_seconds)
    first = fitting[0]
    if best is not first and (_seconds(best) > _SHARE * _seconds(first) or _seconds(first) - _seconds(best) < _SECONDS):
        best = first
    return Route(best.engine, _reason(best, offers), offers)


def _seconds(offer: Offer) -> float:
    return 0.0 if offer.prediction is None else offer.prediction.seconds


def _reason(chosen: Offer, offers: Sequence[Offer]) -> str:
    words = f"{chosen.engine}: {told(_seconds(chosen))} predicted"
    for other in offers:
        if other is chosen:
            continue
        if other.prediction is None:
            words += f"; {other.engine} cannot: {other.missing}"
        elif not other.prediction.fits:
            words += f"; {other.engine} has too little memory for {other.prediction.memory / 1e9:.1f} GB"
        else:
            words += f" against {told(_seconds(other))} on {other.engine}"
            if other.prediction.start:
                words += f", {told(other.prediction.start)} of it to start"
            if _seconds(other) < _seconds(chosen):
                words += ": not enough to move"
    return words


def told(seconds: float) -> str:
    """Return seconds as a reason shows them.

    >>> told(0.0412), told(1.27), told(4000)
    ('0.04 s', '1.3 s', '67 min')
    """
    if seconds >= 600:
        return f"{seconds / 60:.0f} min"
    if seconds >= 10:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(seconds, 0.01):.2f} s"
