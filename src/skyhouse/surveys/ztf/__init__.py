"""ZTF: light curves of a billion stars and galaxies in g, r and i (Bellm et al. 2019, PASP 131, 018002).

`ZTF` turns the data releases' files into the nested table ``ztf.objects`` (``lake.ingest(..., survey="ztf")``), `nest`
any query's detections. The rest are its questions, pictures and simulated light curves.
"""

from __future__ import annotations

# Not lazily: `ztf.simulate` must be the function, whichever module was imported first.
from skyhouse.surveys.ztf.detections import alert_id, alert_name, nest
from skyhouse.surveys.ztf.plots import plot_curve
from skyhouse.surveys.ztf.questions import well_observed
from skyhouse.surveys.ztf.simulate import simulate
from skyhouse.surveys.ztf.simulate_files import simulate_files
from skyhouse.surveys.ztf.survey import ZTF

__all__ = ["ZTF", "alert_id", "alert_name", "nest", "plot_curve", "simulate", "simulate_files", "well_observed"]
