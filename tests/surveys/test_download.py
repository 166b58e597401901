"""Downloads from a server on this machine that serves the archive's tree, and misbehaves as archives do."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from skyhouse.errors import DownloadError, FormatError, InputError
from skyhouse.surveys.manga.download import download
from skyhouse.surveys.manga.paths import archive_path, drpall_path, maps_path, parse_maps_name, parse_plateifu

PATH = "/" + maps_path("8485-1901")
FOLDER = PATH.rsplit("/", 1)[0] + "/"


def fits_bytes(seed: int = 1, side: int = 300) -> bytes:
    image = np.random.default_rng(seed).normal(size=(side, side)).astype("f4")
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, name="SPX_SNR")])
    sink = BytesIO()
    hdus.writeto(sink)
    return sink.getvalue()


def packed(seed: int = 1) -> bytes:
    return gzip.compress(fits_bytes(seed), mtime=0)


@dataclass
class Archive:
    """What the server serves, and how badly. `answers` are taken one by one for the first requests of a file."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    cut_after: list[int] = field(default_factory=list)
    pages: int = 0
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def fits_asked(self) -> list[tuple[str, str | None]]:
        return [one for one in self.asked if ".fits" in one[0]]


class Handler(http.server.BaseHTTPRequestHandler):
    archive: Archive

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, send: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:send])

    def do_GET(self) -> None:
        archive = self.archive
        asked = self.headers.get("Range")
        archive.asked.append((self.path, asked))
        if self.path.endswith("/"):
            names = [one.removeprefix(self.path) for one in archive.files if one.startswith(self.path)]
            page = "<html>" + "".join(f'<a href="{name}">{name}</a>' for name in names)
            return self.answer(200, page.encode())
        if self.path not in archive.files:
            return self.answer(404, b"<html>no such file</html>")
        if ".fits" in self.path and archive.statuses:
            return self.answer(archive.statuses.pop(0), b"busy")
        if ".fits" in self.path and archive.pages:
            archive.pages -= 1
            return self.answer(200, b"\n<!DOCTYPE html><html>down for repair</html>")
        body = archive.files[self.path]
        send = archive.cut_after.pop(0) if archive.cut_after and ".fits" in self.path else None
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"ETag": etag} if archive.etags else {}
        if asked and archive.ranges and self.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.answer(416, b"")
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self.answer(206, body[start:], headers, send)
        return self.answer(200, body, headers, send)


@pytest.fixture
def archive() -> Iterator[Archive]:
    served = Archive({PATH: packed()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"archive": served}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def get(archive: Archive, folder: Path, **more: Any) -> Path:
    return download(
        **{"plateifu": "8485-1901", "folder": folder, "base_url": archive.url, "pause_seconds": 0.01} | more
    )


def left_over(folder: Path) -> list[str]:
    return [one.name for one in folder.rglob("*.part*")]


def test_a_file_lies_where_the_archive_has_it_and_is_fetched_once(archive: Archive, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = get(archive, tmp_path, progress=lambda had, whole: seen.append((had, whole)))
    assert path == tmp_path / PATH[1:]
    assert path.read_bytes() == packed()
    assert seen[-1] == (len(packed()), len(packed()))
    assert get(archive, tmp_path) == path
    assert len(archive.fits_asked()) == 1
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(("kind", "release"), [("drpall", "DR17"), ("DAPALL", "dr15")])
def test_files_of_a_whole_release(archive: Archive, tmp_path: Path, kind: str, release: str) -> None:
    archive.files["/" + archive_path(kind, None, release)] = fits_bytes()
    path = get(archive, tmp_path, plateifu=None, kind=kind, release=release)
    assert path.read_bytes() == fits_bytes()


def test_a_cut_connection_is_taken_up_where_it_broke(archive: Archive, tmp_path: Path) -> None:
    archive.cut_after = [1000, 50_000]
    assert get(archive, tmp_path).read_bytes() == packed()
    assert [asked for _, asked in archive.fits_asked()] == [None, "bytes=1000-", "bytes=51000-"]


def test_the_next_call_goes_on_too(archive: Archive, tmp_path: Path) -> None:
    archive.cut_after = [1000]
    with pytest.raises(DownloadError, match=r"8485-1901 \(MAPS, DR17\).*ended after 1,000 of .*call again"):
        get(archive, tmp_path, attempts=1)
    assert get(archive, tmp_path).read_bytes() == packed()
    assert archive.fits_asked()[-1][1] == "bytes=1000-"


@pytest.mark.parametrize("missing", ["ranges", "etags"])
def test_an_archive_that_cannot_resume_is_asked_from_the_start(archive: Archive, tmp_path: Path, missing: str) -> None:
    setattr(archive, missing, False)
    archive.cut_after = [1000]
    assert get(archive, tmp_path).read_bytes() == packed()


def test_a_file_that_changed_in_between_is_not_patched_together(archive: Archive, tmp_path: Path) -> None:
    archive.cut_after = [5000]
    with pytest.raises(DownloadError):
        get(archive, tmp_path, attempts=1)
    archive.files[PATH] = packed(2)
    assert get(archive, tmp_path).read_bytes() == packed(2)


def test_all_bytes_there_but_not_yet_named(archive: Archive, tmp_path: Path) -> None:
    archive.cut_after = [5000]
    with pytest.raises(DownloadError):
        get(archive, tmp_path, attempts=1)
    part = tmp_path / (PATH[1:] + ".part")
    part.write_bytes(packed())
    assert get(archive, tmp_path).read_bytes() == packed()
    assert left_over(tmp_path) == []


def test_a_web_page_in_place_of_the_file(archive: Archive, tmp_path: Path) -> None:
    archive.cut_after = [1000]
    with pytest.raises(DownloadError):
        get(archive, tmp_path, attempts=1)
    archive.pages = 2
    with pytest.raises(DownloadError, match="a web page in place of the file"):
        get(archive, tmp_path, attempts=2)
    assert not (tmp_path / PATH[1:]).exists()
    # The page did not cost what had come before it.
    assert get(archive, tmp_path).read_bytes() == packed()
    assert archive.fits_asked()[-1][1] == "bytes=1000-"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_archive_is_asked_again(archive: Archive, tmp_path: Path, status: int) -> None:
    archive.statuses = [status, status]
    assert get(archive, tmp_path).read_bytes() == packed()


def test_a_refusal_is_not_asked_again(archive: Archive, tmp_path: Path) -> None:
    archive.statuses = [403]
    with pytest.raises(DownloadError, match="HTTP 403"):
        get(archive, tmp_path)
    assert len(archive.fits_asked()) == 1


def test_a_galaxy_that_is_not_in_the_release(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"9999-1901 \(MAPS, DR15\): the archive has no http"):
        get(archive, tmp_path, plateifu="9999-1901", release="DR15")
    assert len(archive.asked) == 1


def test_nobody_there(tmp_path: Path, archive: Archive) -> None:
    with pytest.raises(DownloadError, match=r"failed 2 times.*refused"):
        get(archive, tmp_path, base_url="http://127.0.0.1:9", attempts=2)
    with pytest.raises(DownloadError, match="no web address"):
        get(archive, tmp_path, base_url="file:///")


def sums(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_the_archives_checksum_is_held_against_the_file(archive: Archive, tmp_path: Path) -> None:
    name = PATH.rsplit("/", 1)[1]
    right = hashlib.sha1(packed()).hexdigest()
    archive.files[FOLDER + "manga_1901.sha1sum"] = sums(f"{'0' * 40} *other.fits.gz", f"{right}  ./{name}")
    assert get(archive, tmp_path).read_bytes() == packed()


def test_a_wrong_checksum_is_no_file(archive: Archive, tmp_path: Path) -> None:
    name = PATH.rsplit("/", 1)[1]
    archive.files[FOLDER + "manga_1901.sha1sum"] = sums(f"{'0' * 40}  {name}")
    with pytest.raises(DownloadError, match=r"SHA-1 is .*the archive's list says 000"):
        get(archive, tmp_path, attempts=2)
    assert not (tmp_path / PATH[1:]).exists()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("body", [packed()[:-3000], packed()[:-8] + b"12345678", gzip.compress(b"no FITS at all"), b""])
def test_what_is_no_whole_fits_file_gets_no_name(archive: Archive, tmp_path: Path, body: bytes) -> None:
    archive.files[PATH] = body
    with pytest.raises(DownloadError, match="no whole FITS file"):
        get(archive, tmp_path, attempts=2)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_paths_of_the_data_model() -> None:
    assert drpall_path("DR15") == "dr15/manga/spectro/redux/v2_4_3/drpall-v2_4_3.fits"
    assert archive_path("modelcube", "8485-1901", "DR15", "vor10-gau-mileshc") == (
        "dr15/manga/spectro/analysis/v2_4_3/2.2.1/VOR10-GAU-MILESHC/8485/1901/"
        "manga-8485-1901-LOGCUBE-VOR10-GAU-MILESHC.fits.gz"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("MAPS", "8485"), "no plate-IFU name"),
        (("MAPS", "../etc-1901"), "no plate-IFU name"),
        (("MAPS", None), "give its plate-IFU name"),
        (("MAP", "8485-1901"), "did you mean 'MAPS'"),
        (("MAPS", "8485-1901", "DR14"), "the releases are DR15, DR16, DR17"),
        (("MAPS", "8485-1901", "DR17", "HYB10-GAU-MILESHC"), "DR17 has no DAPTYPE"),
    ],
)
def test_names_that_are_none(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        archive_path(*arguments)


def test_names_of_maps_files(real_data: Path) -> None:
    found = [parse_maps_name(str(one)) for one in (real_data / "manga" / "maps").glob("manga-*-MAPS-*")]
    assert [one.plateifu for one in found] == [parse_plateifu("7815-3702")]
    with pytest.raises(FormatError, match="not the name of a MAPS file"):
        parse_maps_name("manga-7815-3702-LOGCUBE.fits.gz")
