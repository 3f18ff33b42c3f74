"""Recordings as people have them: HAR, NDJSON, access logs."""

import json
from pathlib import Path

import pytest

from migrator.sdk.recorded import Recorded, Unreadable, read_recording

COMBINED = '10.0.0.1 - jane [10/Oct/2026:13:55:36 +0000] "GET /a?x=1 HTTP/1.1" 200 17 "-" "ios/5.2 (x; \\"y\\")"'


def recording(tmp_path: Path, text: str) -> list[Recorded]:
    path = tmp_path / "recording"
    path.write_text(text)
    return list(read_recording(path))


def har(*requests: object) -> str:
    return json.dumps({"log": {"entries": [{"request": request} for request in requests]}}, indent=1)


def test_har__of_a_browser__keeps_path_query_and_headers_and_leaves_the_host_out(tmp_path: Path) -> None:
    headers = [{"name": ":authority", "value": "shop.example"}, {"name": "Accept", "value": "application/json"}]
    request = {"method": "get", "url": "https://shop.example:8443/a/1?b=2#top", "headers": headers}
    (one,) = recording(tmp_path, har(request))
    assert one == Recorded("GET", b"/a/1?b=2", [(b"Accept", b"application/json")])


def test_har__on_one_line__is_no_ndjson(tmp_path: Path) -> None:
    text = json.dumps(json.loads(har({"method": "GET", "url": "http://x"})))
    assert recording(tmp_path, text) == [Recorded("GET", b"/")]


def test_ndjson__with_subjects_and_empty_lines__is_read_line_by_line(tmp_path: Path) -> None:
    text = (
        '{"method": "GET", "path": "/a", "headers": {"X-User": "7"}, "subject": "7"}\n\n{"method":"HEAD","path":"/é"}\n'
    )
    assert recording(tmp_path, text) == [
        Recorded("GET", b"/a", [(b"X-User", b"7")], "7"),
        Recorded("HEAD", "/é".encode()),
    ]


def test_access_log__combined_common_and_noise__tells_requests_and_skips_what_is_none(tmp_path: Path) -> None:
    noise = '10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "-" 408 0 "-" "-"'
    tls = '10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "\\x16\\x03\\x01" 400 150 "-" "-"'
    common = '::1 - - [10/Oct/2026:13:55:36 +0000] "POST /b HTTP/1.0" 201 -'
    agent = COMBINED.replace('(x; \\"y\\")', "(x)")
    found = recording(tmp_path, "\n".join((agent, noise, tls, common)))
    assert found == [
        Recorded("GET", b"/a?x=1", [(b"User-Agent", b"ios/5.2 (x)")], "jane"),
        Recorded("POST", b"/b"),
    ]
    assert recording(tmp_path, COMBINED) == [Recorded("GET", b"/a?x=1", [], "jane")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ('{"method": "GET", "path": "/a"}\n{"method": "GET"', "Line 2"),
        ('{"method": "GET", "path": "/a"}\n{"method": "GET"}', "Line 2"),
        ('{"method": "GET", "path": "http://elsewhere/"}', "Line 1"),
        ('{"method": "GET", "path": "/a b"}', "Line 1"),
        ('{"method": "GET", "path": "/a", "headers": {"X": "1\\r\\nY: 2"}}', "Line 1"),
        ('{"method": "G T", "path": "/a"}', "Line 1"),
        (COMBINED + "\nwhat is this", "Line 2"),
        ('{"log": {}}', "no HAR"),
        ('{\n "log": {"entries": [\n', "Line 3"),
        (har({"method": "GET"}), "Entry 1"),
        (har({"method": "GET", "url": "http://x/"}, {"method": "GET", "url": "http://x/a b"}), "Entry 2"),
    ],
)
def test_recording__with_something_unreadable__is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        recording(tmp_path, text)


def test_recording__that_is_not_there__is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        list(read_recording(tmp_path / "nothing"))
