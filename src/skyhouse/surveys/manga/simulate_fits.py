"""Writing FITS by hand: headers, images and binary tables of simulated files, with their checksums.

astropy needs some 100 ms for the 64 HDUs of one MAPS file; a demo and the tests write dozens of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import deflate
import numpy as np
import numpy.typing as npt

from skyhouse.surveys.manga.datamodel import SIMULATED, Card, extension_cards, hdus, primary_cards
from skyhouse.surveys.manga.paths import RELEASES
from skyhouse.surveys.manga.simulate_galaxy import Nature, SimulatedGalaxy

__all__ = ["maps_bytes", "primary_header", "primary_values", "write_atomically", "write_maps", "write_table"]

BLOCK = 2880
ORIGIN: Card = ("ORIGIN", "skyhouse simulator", "no telescope has seen this galaxy")


def write_maps(galaxy: SimulatedGalaxy, path: Path, level: int = 1) -> Path:
    """Write a galaxy as a gzipped MAPS file, whole or not at all, and return the path; folders are made as needed."""
    return write_atomically(path, bytes(deflate.gzip_compress(maps_bytes(galaxy), level)))


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file beside its place first and then rename it, so that nobody ever reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
    return path


def maps_bytes(galaxy: SimulatedGalaxy) -> bytes:
    """Return the FITS file of a galaxy: the primary header, then an image HDU for each of its arrays."""
    cards = primary_header(galaxy)
    primary = {keyword: value for keyword, value, _ in cards}
    parts = _hdu(cards, b"", 0)
    for hdu in hdus(galaxy.release):
        values = galaxy.arrays[hdu.name]
        words = np.ascontiguousarray(values).view("u4")
        parts += _hdu(extension_cards(hdu, *galaxy.shape, primary), words.astype(">u4").tobytes(), _sum(words))
    return b"".join(parts)


def primary_values(nature: Nature, release: str) -> dict[str, bool | int | float | str]:
    """Return the primary header's values that are of one galaxy; the others are alike in all simulated files.

    The same words name the columns of the DRPall table, in lower case.
    """
    of = RELEASES[release]
    rng = np.random.default_rng([nature.seed, nature.plate, nature.ifudesign, 3])
    date = str(np.datetime64("1858-11-17") + nature.mjd)
    seeing = float(rng.uniform(1.2, 1.9))
    clear = float(rng.uniform(0.7, 0.98))
    width = float(rng.normal(2.54, 0.06))
    exposures = int(rng.choice([6, 9, 9, 9, 12, 15]))
    longitude, latitude = _galactic(nature.ra_deg, nature.dec_deg)
    return {
        "VERSDRP2": of.drpver,
        "VERSDRP3": of.drpver,
        "NEXP": exposures,
        "EXPTIME": round(exposures * 900.1, 2),
        "BLUESN2": round(exposures * float(rng.normal(2.3, 0.2)), 4),
        "REDSN2": round(exposures * float(rng.normal(4.6, 0.4)), 4),
        "SEEMIN": round(seeing - 0.15, 5),
        "SEEMED": round(seeing, 5),
        "SEEMAX": round(seeing + 0.2, 5),
        "TRANSMIN": round(clear - 0.03, 6),
        "TRANSMED": round(clear, 6),
        "TRANSMAX": round(clear + 0.015, 6),
        "MJDMIN": nature.mjd,
        "MJDMED": nature.mjd,
        "MJDMAX": nature.mjd + 4,
        "DATE-OBS": date,
        "MNGTARG1": nature.target_bits,
        "IFURA": round(nature.ra_deg, 6),
        "IFUDEC": round(nature.dec_deg, 6),
        "OBJRA": round(nature.ra_deg, 9),
        "OBJDEC": round(nature.dec_deg, 9),
        "CENRA": round(nature.plate_ra_deg, 6),
        "CENDEC": round(nature.plate_dec_deg, 6),
        "PLATEID": nature.plate,
        "DESIGNID": nature.plate + 500,
        "IFUDSGN": str(nature.ifudesign),
        "PLATEIFU": nature.plateifu,
        "MANGAID": nature.mangaid,
        "DRP3QUAL": nature.drp_quality,
        "IFUGLON": round(longitude, 9),
        "IFUGLAT": round(latitude, 9),
        "EBVGAL": round(nature.ebv_galactic, 7),
        "GFWHM": round(width, 5),
        "RFWHM": round(width - 0.01, 5),
        "IFWHM": round(width - 0.02, 5),
        "ZFWHM": round(width - 0.03, 5),
        "VERSDAP": of.dapver,
        "DAPTYPE": of.daptypes[0],
        "ECOOPA": round(nature.position_angle_deg, 3),
        "ECOOELL": round(1.0 - nature.axis_ratio, 6),
        "REFF": round(nature.radius_arcsec, 5),
        "SCINPVEL": round(299_792.458 * nature.redshift, 6),
        "DAPQUAL": nature.dap_quality,
    }


def _galactic(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Galactic longitude and latitude in deg, from the pole and node of IAU 1958 as given for J2000."""
    pole_ra, pole_dec, node = np.radians([192.859508, 27.128336, 122.932])
    ra, dec = np.radians([ra_deg, dec_deg])
    latitude = np.arcsin(np.sin(dec) * np.sin(pole_dec) + np.cos(dec) * np.cos(pole_dec) * np.cos(ra - pole_ra))
    y = np.cos(dec) * np.sin(ra - pole_ra)
    x = np.sin(dec) * np.cos(pole_dec) - np.cos(dec) * np.sin(pole_dec) * np.cos(ra - pole_ra)
    return float(np.degrees(node - np.arctan2(y, x)) % 360), float(np.degrees(latitude))


def primary_header(galaxy: SimulatedGalaxy) -> list[Card]:
    """Return the cards of a galaxy's primary header, the two of its checksum not yet filled in."""
    values = primary_values(galaxy.nature, galaxy.release)
    binid, snr = galaxy.arrays["BINID"], galaxy.arrays["SPX_SNR"]
    ring = (galaxy.arrays["SPX_ELLCOO"][1] > 1.0) & (galaxy.arrays["SPX_ELLCOO"][1] < 1.5) & (snr > 0)
    middle = float(np.median(snr[ring])) if ring.any() else 0.0
    counts = [np.unique(channel[channel >= 0]).size for channel in binid]
    values |= {"NBINS": counts[0], "NSCMOD": counts[1], "NELMOD": counts[3]}
    for band, factor in (("G", 1.0), ("R", 1.3), ("I", 1.45), ("Z", 1.15)):
        values[f"SNR{band}MED"] = round(middle * factor, 6)
        values[f"SNR{band}RING"] = round(middle * factor * float(np.sqrt(max(ring.sum(), 1))) / 5.0, 6)
    cards = [(keyword, values.get(keyword, value), comment) for keyword, value, comment in primary_cards()]
    checks = [card for card in cards if card[0] in ("CHECKSUM", "DATASUM")]
    return [*(card for card in cards if card not in checks), SIMULATED, ORIGIN, *checks]


def write_table(path: Path, name: str, columns: Mapping[str, tuple[npt.NDArray[Any], str]]) -> Path:
    """Write one binary table as an uncompressed FITS file.

    `columns` maps a name to its values, of shape (rows,) or (rows, n), and its unit ("" for none). Integers become
    64-bit ones, floats 64-bit ones, strings ASCII as wide as the widest.
    """
    kinds = {"i": (">i8", "K"), "f": (">f8", "D")}
    types: list[Any] = []
    cards: list[Card] = []
    for number, (column, (values, unit)) in enumerate(columns.items(), start=1):
        width = values.shape[1] if values.ndim == 2 else 1
        if values.dtype.kind == "U":
            chars = max(1, values.dtype.itemsize // 4)
            types.append((column, f"S{chars}"))
            form = f"{chars}A"
        else:
            kind, letter = kinds[values.dtype.kind]
            types.append((column, kind, values.shape[1:]))
            form = f"{width}{letter}" if width > 1 else letter
        cards += [(f"TTYPE{number}", column, ""), (f"TFORM{number}", form, "")]
        if unit:
            cards.append((f"TUNIT{number}", unit, ""))
    rows = len(next(iter(columns.values()))[0])
    table = np.zeros(rows, dtype=types)
    for column, (values, _) in columns.items():
        table[column] = np.char.encode(values, "ascii") if values.dtype.kind == "U" else values
    raw = table.tobytes()
    raw += bytes(-len(raw) % BLOCK)
    head: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", table.dtype.itemsize, "length of dimension 1"),
        ("NAXIS2", rows, "length of dimension 2"),
        ("PCOUNT", 0, "number of group parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", len(columns), "number of table fields"),
        *cards,
        ("EXTNAME", name, "extension name"),
        SIMULATED,
        ORIGIN,
    ]
    first: list[Card] = [
        ("SIMPLE", True, "conforms to FITS standard"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 0, "number of array dimensions"),
        ("EXTEND", True, ""),
        SIMULATED,
        ORIGIN,
    ]
    checks: list[Card] = [("CHECKSUM", "", "HDU checksum"), ("DATASUM", "0", "data unit checksum")]
    words = np.frombuffer(raw, dtype=">u4")
    return write_atomically(path, b"".join(_hdu([*first, *checks], b"", 0) + _hdu([*head, *checks], raw, _sum(words))))


def _hdu(cards: Iterable[Card], data: bytes, data_sum: int) -> list[bytes]:
    """Return the padded header and data of an HDU; `data_sum` is the checksum of the data."""
    lines = []
    for card in cards:
        keyword, value, comment = card
        if keyword == "CHECKSUM":
            value = "0" * 16
        elif keyword == "DATASUM":
            value = str(data_sum)
        lines.append(_line(keyword, value, comment))
    header = ("".join(lines) + "END".ljust(80)).encode("ascii")
    header += b" " * (-len(header) % BLOCK)
    total = _fold(_sum(np.frombuffer(header, dtype=">u4")) + data_sum)
    at = header.index(b"CHECKSUM= '") + len(b"CHECKSUM= '")
    header = header[:at] + _encoded(~total & 0xFFFFFFFF) + header[at + 16 :]
    return [header, data, bytes(-len(data) % BLOCK)]


def _line(keyword: str, value: bool | float | str, comment: str) -> str:
    """Format one header card in the fixed format of the FITS standard 4.0, section 4.2."""
    match value:
        case bool():
            text = f"{'T' if value else 'F':>20}"
        case int():
            text = f"{value:>20}"
        case float():
            digits = repr(value).upper()
            text = f"{digits if '.' in digits or 'E' not in digits else digits.replace('E', '.0E'):>20}"
        case _:
            quoted = value.replace("'", "''")
            text = f"'{quoted:<8}'".ljust(20)
    note = f" / {comment}" if comment else ""
    return f"{keyword:<8}= {text}{note}"[:80].ljust(80)


def _sum(words: npt.NDArray[Any]) -> int:
    return _fold(int(words.sum(dtype="u8")))


def _fold(total: int) -> int:
    """Return a sum of 32-bit words in ones' complement: what overflows is added at the low end."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


_PUNCTUATION = frozenset([*range(0x3A, 0x41), *range(0x5B, 0x61)])


def _encoded(value: int) -> bytes:
    """Return the 16 characters of a CHECKSUM card: FITS standard 4.0, appendix J."""
    columns: list[Sequence[int]] = []
    for shift in (24, 16, 8, 0):
        quarter, rest = divmod(value >> shift & 0xFF, 4)
        four = [quarter + rest + 0x30, quarter + 0x30, quarter + 0x30, quarter + 0x30]
        # Neighbours move apart by one, their sum kept, until none of them is punctuation.
        while _PUNCTUATION & set(four):
            for low in (0, 2):
                if _PUNCTUATION & {four[low], four[low + 1]}:
                    four[low] += 1
                    four[low + 1] -= 1
        columns.append(four)
    text = bytes(columns[byte][place] for place in range(4) for byte in range(4))
    return text[-1:] + text[:-1]
