"""ZTF: light curves of a billion stars and galaxies in g, r and i (Bellm et al. 2019, PASP 131, 018002).

`simulate` makes light curves of variables of known class and period.
"""

from __future__ import annotations

from skyhouse.surveys.ztf.simulate import simulate

__all__ = ["simulate"]
