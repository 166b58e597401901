"""The features of light curves: each one's name, unit, definition and source, listed once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skyhouse.columns import Column

__all__ = ["FEATURES", "PAIR_FEATURES", "PLACES", "Feature", "features_table"]


@dataclass(frozen=True, slots=True)
class Feature:
    """A number that is taken from a light curve.

    `name` is the field's standard term; `minimum` the fewest points with which it is defined; `definition` a formula
    or a sentence, with the symbols that `features_table` explains; `reference` the paper.

    The column of a result has the name in lower case with its words apart and its parameters after them, and the
    band:

    >>> Feature("InterPercentileRange 25", "mag", 1, "Q(0.75) - Q(0.25)").column("g")
    Column(name='inter_percentile_range_25_g', type='float32', unit='mag', ucd='', description='Q(0.75) - Q(0.25)')
    """

    name: str
    unit: str
    minimum: int
    definition: str
    reference: str = ""

    @property
    def key(self) -> str:
        """The name as a column has it, without the band."""
        word, _, parameters = self.name.partition(" ")
        if "NStd" in word:  # BeyondNStd 2 is read "beyond 2 std"
            word, parameters = word.replace("NStd", f"{parameters}Std"), ""
        apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=\d+Std)", "_", word).lower()
        return "_".join([apart, *parameters.replace("/", " ").split()])

    def column(self, *bands: str) -> Column:
        """Return the column of a result."""
        kind = "int32" if self.name == "ObservationCount" else "float32"
        return Column("_".join([self.key, *bands]), kind, unit=self.unit, description=self.definition)


_DISANTO = "D'Isanto et al. 2016, MNRAS 457, 3119"
_KIM = "Kim et al. 2014, A&A 566, A43"
_STETSON = "Stetson 1996, PASP 108, 851"
_NEUMANN = "von Neumann 1941, Ann. Math. Stat. 12, 367"

FEATURES: tuple[Feature, ...] = (
    Feature("ObservationCount", "", 0, "N"),
    Feature("Duration", "d", 1, "t_N - t_1"),
    Feature("MaximumTimeInterval", "d", 2, "max(t_i+1 - t_i)"),
    Feature("Mean", "mag", 1, "M = sum(m_i) / N"),
    Feature("WeightedMean", "mag", 1, "m_w = sum(m_i / e_i^2) / sum(1 / e_i^2)"),
    Feature("Median", "mag", 1, "med, of an even number the mean of the middle two"),
    Feature("StandardDeviation", "mag", 2, "s = sqrt(sum((m_i - M)^2) / (N - 1))"),
    Feature(
        "Skew",
        "",
        3,
        "N / ((N - 1)(N - 2)) sum((m_i - M)^3) / s^3, unbiased for normal samples (G1)",
        "Joanes & Gill 1998, J. R. Stat. Soc. D 47, 183",
    ),
    Feature(
        "Kurtosis",
        "",
        4,
        "N (N + 1) / ((N - 1)(N - 2)(N - 3)) sum((m_i - M)^4) / s^4 - 3 (N - 1)^2 / ((N - 2)(N - 3)), the excess, "
        "unbiased for normal samples (G2)",
        "Joanes & Gill 1998, J. R. Stat. Soc. D 47, 183",
    ),
    Feature("Amplitude", "mag", 1, "(max(m) - min(m)) / 2", "Richards et al. 2011, ApJ 733, 10"),
    Feature("PercentAmplitude", "mag", 1, "max(|m_i - med|)", _DISANTO),
    Feature("MedianAbsoluteDeviation", "mag", 1, "median(|m_i - med|), not scaled to s", _DISANTO),
    Feature("InterPercentileRange 25", "mag", 1, "Q(0.75) - Q(0.25)", "Sokolovsky et al. 2017, MNRAS 464, 274"),
    Feature("InterPercentileRange 10", "mag", 1, "Q(0.90) - Q(0.10)"),
    Feature("InterPercentileRange 5", "mag", 1, "Q(0.95) - Q(0.05)"),
    Feature("BeyondNStd 1", "", 2, "share of the points with |m_i - M| > s", _DISANTO),
    Feature("BeyondNStd 2", "", 2, "share of the points with |m_i - M| > 2 s", _DISANTO),
    Feature(
        "MedianBufferRangePercentage",
        "",
        1,
        "share of the points with |m_i - med| < 0.1 (max(m) - min(m)) / 2",
        _DISANTO,
    ),
    Feature("MagnitudePercentageRatio 40/5", "", 2, "(Q(0.6) - Q(0.4)) / (Q(0.95) - Q(0.05))", _DISANTO),
    Feature("MagnitudePercentageRatio 20/10", "", 2, "(Q(0.8) - Q(0.2)) / (Q(0.9) - Q(0.1))", _DISANTO),
    Feature("ReducedChi2", "", 2, "sum(((m_i - m_w) / e_i)^2) / (N - 1)"),
    Feature(
        "ExcessVariance",
        "",
        2,
        "(s^2 - sum(e_i^2) / N) / M^2",
        "after Sanchez et al. 2017, ApJ 849, 110",
    ),
    Feature(
        "StetsonJ",
        "",
        2,
        "sum(w_i sgn(P_i) sqrt(|P_i|)) / sum(w_i) over consecutive points, P_i = d_i d_i+1, "
        "d_i = sqrt(N / (N - 1)) (m_i - m_w) / e_i, w_i = exp(-(t_i+1 - t_i) / median(t_i+1 - t_i))",
        f"{_STETSON}; pairs and weights as in Fruth et al. 2012, AJ 143, 140",
    ),
    Feature(
        "StetsonK",
        "",
        2,
        "sum(|r_i|) / sqrt(N sum(r_i^2)), r_i = (m_i - m_w) / e_i; 0.798 for normal samples",
        _STETSON,
    ),
    Feature(
        "WelchStetsonI",
        "",
        3,
        "sum(r_i r_i+1) / sqrt(n (n - 1)) over the n = N - 1 pairs of consecutive points, r_i = (m_i - m_w) / e_i",
        "Welch & Stetson 1993, AJ 105, 1813; there of pairs in two bands",
    ),
    Feature("Eta", "", 2, "sum((m_i+1 - m_i)^2) / ((N - 1) s^2); 2 for uncorrelated samples", f"{_NEUMANN}; {_KIM}"),
    Feature(
        "EtaE",
        "",
        2,
        "((t_N - t_1) / (N - 1))^2 sum(((m_i+1 - m_i) / (t_i+1 - t_i))^2) / ((N - 1) s^2)",
        f"{_KIM}; without its mean of weights, so that even sampling gives Eta",
    ),
    Feature("InverseVonNeumann", "", 2, "1 / Eta", f"{_NEUMANN}; Sokolovsky et al. 2017, MNRAS 464, 274"),
    Feature("Roms", "", 2, "sum(|m_i - med| / e_i) / (N - 1)", "Enoch, Brown & Burgasser 2003, AJ 126, 1006"),
    Feature("Cusum", "", 2, "max(S) - min(S), S_j = sum_i<=j(m_i - M) / (N s)", _KIM),
    Feature(
        "AndersonDarlingNormal",
        "",
        4,
        "(1 + 4 / N - 25 / N^2) (-N - sum((2 i - 1) ln Phi(z_i) + (2 (N - i) + 1) ln(1 - Phi(z_i))) / N), "
        "z_i = (m_i - M) / s in ascending order",
        "Anderson & Darling 1954, J. Am. Stat. Assoc. 49, 765; the factor, for estimated M and s, is Stephens 1974, "
        "J. Am. Stat. Assoc. 69, 730",
    ),
    Feature("LinearTrend", "mag/d", 3, "slope of the least-squares line through m_i at t_i"),
    Feature("LinearTrendSigma", "mag/d", 3, "the slope's error, from the scatter about the line"),
    Feature("LinearFitSlope", "mag/d", 3, "slope of the line fitted with weights 1 / e_i^2"),
    Feature("LinearFitSlopeSigma", "mag/d", 3, "the slope's error, from the errors e_i"),
    Feature("LinearFitReducedChi2", "", 3, "sum(((m_i - line(t_i)) / e_i)^2) / (N - 2)"),
    Feature("MaximumSlope", "mag/d", 2, "max(|m_i+1 - m_i| / (t_i+1 - t_i))", _DISANTO),
    Feature(
        "StructureFunctionSlope",
        "",
        6,
        "slope of ln SF over ln lag, SF = sqrt(mean of (m_j - m_i)^2), of the pairs j = i + 1, i + 2, i + 4, i + 8 ... "
        "binned in octaves of t_j - t_i, from 2^k d to 2^(k+1) d, the lag being their mean; of bins with 5 pairs or "
        "more, two at least; errors are not subtracted",
        "Simonetti, Cordes & Heeschen 1985, ApJ 296, 46; Hughes, Aller & Aller 1992, ApJ 396, 469",
    ),
)
"""The features of one band, in the order of the columns."""

PLACES: dict[str, int] = {feature.key: place for place, feature in enumerate(FEATURES)}
"""The place of each in FEATURES, by its key."""

PAIR_FEATURES: tuple[Feature, ...] = (
    Feature("MedianColor", "mag", 1, "median of the one band less that of the other"),
    Feature("AmplitudeRatio", "", 2, "Amplitude of the one band over that of the other"),
    Feature(
        "StetsonJ",
        "",
        2,
        "sum(sgn(P_i) sqrt(|P_i|)) / n over the n pairs of one point of either band, each the other's nearest among "
        "those not yet paired, at most `pair_minutes` apart; P_i = d_i d'_i, with each band's "
        "d_i = sqrt(N / (N - 1)) (m_i - m_w) / e_i",
        _STETSON,
    ),
)
"""The features of two bands, in the order of the columns."""


def features_table() -> str:
    """Return the features as a table in Markdown, for the documentation."""
    lines = ["| feature | column | unit | N >= | definition | source |", "|---|---|---|---|---|---|"]
    for listed, bands in ((FEATURES, ("g",)), (PAIR_FEATURES, ("g", "r"))):
        for one in listed:
            cells = one.name, f"`{one.column(*bands).name}`", one.unit, str(one.minimum), one.definition, one.reference
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
