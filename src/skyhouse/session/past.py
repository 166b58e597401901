"""What has run: the lake's history, and what the calibration learns of it."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from skyhouse.lake.history import History, Record
from skyhouse.query.answer import Asked
from skyhouse.session.calibration import state_folder
from skyhouse.session.forecast import Forecast, Forecaster
from skyhouse.session.running import Running

__all__ = ["Past"]

_LOG = logging.getLogger("skyhouse")


class Past:
    """Takes in every run that has ended.

    The history lies in the lake's folder ``.history``, or in the user's folder of state where that cannot be written.
    """

    def __init__(self, root: Path, forecaster: Forecaster) -> None:
        of_lake = hashlib.sha256(str(root.absolute()).encode()).hexdigest()[:16]
        self.history = History(root / ".history", state_folder() / "history" / of_lake)
        self._forecaster = forecaster

    def add(self, run: Running, forecast: Forecast, asked: Asked) -> None:
        """Keep the record of a run, and let the forecast learn from it if it ran through where it was sent."""
        course = run.course
        prediction = forecast.route.prediction(course.engine)
        # What a server takes to send its rows is no engine's doing.
        of_files = all(read.files_there for read in forecast.estimate.reads)
        if run.whole and not course.moved and prediction is not None and of_files:
            self._forecaster.learn(forecast, prediction, course.seconds)
        record = Record(
            run.began,
            asked.text,
            asked.dialect,
            course.engine,
            course.reason,
            course.predicted,
            course.seconds,
            forecast.estimate.bytes,
            run.rows,
            run.error,
            course.moved,
        )
        try:
            self.history.add(record)
        except OSError as error:  # nowhere to write must not stop a query
            _LOG.info("the run is not kept in the history: %s", error)
