"""Files of MaNGA from the SDSS Science Archive Server: resumed where they were cut off, and proven whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skyhouse.errors import DownloadError, FormatError
from skyhouse.formats.fits import open_fits
from skyhouse.surveys.manga.paths import archive_path

__all__ = ["ARCHIVE", "download"]

ARCHIVE = "https://data.sdss.org/sas"
_CHUNK = 1 << 18
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
# Not every OSError: a full disk is not mended by another attempt.
_BROKEN = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
_SUM_NAME = re.compile(r'href="(?:\./)?([^"/?]+\.sha1sum)"', re.IGNORECASE)
_SUM_LINE = re.compile(r"([0-9a-fA-F]{40})\s+\*?(?:.*/)?([^/\s]+)\s*")


class _CutOff(Exception):
    """What another attempt may mend: a broken connection, a busy server, a file cut short."""


def download(
    plateifu: str | None = None,
    *,
    kind: str = "MAPS",
    release: str = "DR17",
    daptype: str | None = None,
    folder: str | Path = "sas",
    base_url: str = ARCHIVE,
    attempts: int = 5,
    timeout_seconds: float = 60.0,
    pause_seconds: float = 1.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Fetch one file of the survey into the archive's own layout under `folder`; return its path.

    `kind`, `release` and `daptype` are those of `paths.archive_path` (DRPALL and DAPALL take no `plateifu`). A file
    that is there already is not fetched again. A broken connection is taken up where it broke, up to `attempts` times
    with a growing pause from `pause_seconds`, and by the next call; `progress` is told the bytes had and the bytes in
    all (None if unknown). What arrives is checked against the archive's SHA-1 list of the folder, where there is one,
    and always read as FITS (gzip checksum included), before it gets its name.

    Raises InputError for arguments that name no file, and DownloadError where the file is not in the archive, or
    cannot be had whole.
    """
    path = archive_path(kind, plateifu, release, daptype)
    target = Path(folder, *path.split("/"))
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    name = f"{plateifu} ({kind.upper()}, {release.upper()})" if plateifu else f"{kind.upper()} of {release.upper()}"
    fetch = _Fetch(f"{base_url.rstrip('/')}/{urllib.parse.quote(path)}", target, name, timeout_seconds, progress)
    problem: Exception | None = None
    for attempt in range(attempts):
        if attempt:
            time.sleep(min(pause_seconds * 2 ** (attempt - 1), 60.0))
        try:
            fetch.run()
            break
        except _CutOff as error:
            problem = error
    else:
        raise DownloadError(
            f"{name}: {fetch.url} failed {attempts} times, at last: {problem}; call again to go on where it stopped"
        ) from problem
    return target


@dataclass(slots=True)
class _Fetch:
    """One file on its way: beside the target, .part holds what came so far and .part.json of which version it is."""

    url: str
    target: Path
    name: str
    timeout_seconds: float
    progress: Callable[[int, int | None], None] | None

    @property
    def part(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def version_file(self) -> Path:
        return self.target.with_name(self.target.name + ".part.json")

    def run(self) -> None:
        """Go on to the end, check, and give the file its name. Raises _CutOff or DownloadError."""
        try:
            self._receive()
        except urllib.error.HTTPError as error:
            self._refused(error)
        except _BROKEN as error:
            raise _CutOff(f"{type(error).__name__}: {error}") from error
        self._check()
        self.part.replace(self.target)
        self.version_file.unlink(missing_ok=True)

    def _receive(self) -> None:
        headers = {"User-Agent": "skyhouse", "Accept-Encoding": "identity"}
        had, version = self._had()
        if had:
            # If-Range: the whole file comes where the archive's is no longer the one begun.
            headers |= {"Range": f"bytes={had}-", "If-Range": version}
        with self._open(headers) as answer:
            goes_on = answer.status == 206 and _starts_at(answer.headers.get("Content-Range"), had)
            if answer.status == 206 and not goes_on:
                self._drop()
                raise _CutOff("the archive sent another range than asked for")
            length = answer.headers.get("Content-Length")
            whole = (had if goes_on else 0) + int(length) if length and length.isdigit() else None
            block = answer.read(_CHUNK)
            if not goes_on:
                if block.lstrip()[:1] == b"<":
                    raise _CutOff("the archive answered with a web page in place of the file")
                had = 0
                # A weak ETag (W/...) does not promise equal bytes, so that If-Range may not use it.
                etag = answer.headers.get("ETag", "")
                mark = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
                self.version_file.write_text(json.dumps({"url": self.url, "version": mark}), "utf-8")
            with self.part.open("ab" if goes_on else "wb") as file:
                while block:
                    file.write(block)
                    had += len(block)
                    if self.progress is not None:
                        self.progress(had, whole)
                    block = answer.read(_CHUNK)
        if whole is not None and had < whole:
            raise _CutOff(f"the connection ended after {had:,} of {whole:,} bytes")

    def _had(self) -> tuple[int, str]:
        """Return how many bytes may be kept, and of which version of the file they are."""
        try:
            noted = json.loads(self.version_file.read_text("utf-8"))
            size = self.part.stat().st_size
        except (FileNotFoundError, ValueError):
            return 0, ""
        known = isinstance(noted, dict) and noted.get("url") == self.url and noted.get("version")
        return (size, str(known)) if known else (0, "")

    def _open(self, headers: dict[str, str], url: str | None = None) -> http.client.HTTPResponse:
        address = url or self.url
        if not address.startswith(("http://", "https://")):
            raise DownloadError(
                f"{self.name}: {address!r} is no web address; base_url must begin with https:// or http://"
            )
        asked = urllib.request.Request(address, headers=headers)  # noqa: S310 - the scheme has just been checked
        answer: http.client.HTTPResponse = urllib.request.urlopen(asked, timeout=self.timeout_seconds)  # noqa: S310
        return answer

    def _refused(self, error: urllib.error.HTTPError) -> None:
        error.close()
        if error.code == 404:
            raise DownloadError(
                f"{self.name}: the archive has no {self.url}; check the plate-IFU name and the release "
                "(not every galaxy is in every release or has every DAPTYPE)"
            ) from error
        if error.code == 416:
            # All bytes were here already, or more than there are: begin anew.
            self._drop()
            raise _CutOff("the archive has no such range") from error
        if error.code in _AGAIN:
            raise _CutOff(f"HTTP {error.code} {error.reason}") from error
        raise DownloadError(f"{self.name}: {self.url} answered HTTP {error.code} {error.reason}") from error

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.version_file.unlink(missing_ok=True)

    def _check(self) -> None:
        """Hold what came against the archive's checksum, and read it. If it is not whole, drop it and raise _CutOff."""
        expected = self._sum()
        if expected is not None:
            with self.part.open("rb") as file:
                found = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
            if found != expected:
                self._drop()
                raise _CutOff(f"its SHA-1 is {found}, the archive's list says {expected}")
        try:
            open_fits(str(self.part))
        except FormatError as error:
            self._drop()
            raise _CutOff(f"what came is no whole FITS file: {error.problem}") from error

    def _sum(self) -> str | None:
        """Return the SHA-1 that the archive lists for the file, None where it lists none.

        The lists have no fixed name, so they are looked for in the web page of the folder.
        """
        folder = self.url.rsplit("/", 1)[0] + "/"
        for name in _SUM_NAME.findall(self._text(folder) or ""):
            for line in (self._text(folder + name) or "").splitlines():
                found = _SUM_LINE.fullmatch(line)
                if found and found[2] == self.target.name:
                    return found[1].lower()
        return None

    def _text(self, url: str) -> str | None:
        try:
            with self._open({"User-Agent": "skyhouse"}, url) as answer:
                return answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _AGAIN:
                raise _CutOff(f"{url}: HTTP {error.code} {error.reason}") from error
            return None
        except _BROKEN as error:
            raise _CutOff(f"{url}: {type(error).__name__}: {error}") from error


def _starts_at(content_range: str | None, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", content_range or "")
    return found is not None and int(found[1]) == start
