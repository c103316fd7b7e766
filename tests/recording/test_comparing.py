"""A recording is compared as it should be. `local.jsonl` was made by `scripts/trial --local`, and has each of its
statuses once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.recording.__main__ import main
from tests.recording.comparing import compare, read, seen

LOCAL = Path(__file__).with_name("local.jsonl")
HEAD, *LINES = [json.loads(line) for line in LOCAL.read_text().splitlines()]


def doctored(change: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """The recording with every line changed."""
    lines: list[dict[str, Any]] = json.loads(json.dumps(LINES))
    for line in lines:
        change(line)
    return lines


def wrong(lines: list[dict[str, Any]]) -> list[str]:
    """What the emulator does otherwise than these lines say that AWS does."""
    return [one.text for one in compare(seen(lines), read(LOCAL)) if one.is_wrong]


def instances(line: dict[str, Any]) -> list[dict[str, Any]]:
    answer = line.get("answer") or {}
    found = answer.get("DBInstances") or answer
    found = found.get("DBInstance", [])
    return found if isinstance(found, list) else [found]


def test_a_recording_is_as_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """> `scripts/test recording` finds nothing where AWS has answered as the emulator does."""
    assert main([str(LOCAL), str(LOCAL)]) == 0
    assert "0 differences in" in capsys.readouterr().out


def test_a_field_that_comes_earlier_or_never_is_named(tmp_path: Path) -> None:
    """> `scripts/test recording` names a field that is there in another status than the emulator has it, a code that is another
    one, and statuses in another order."""

    def change(line: dict[str, Any]) -> None:
        for one in instances(line):
            if one["DBInstanceStatus"] == "creating":
                one["Endpoint"] = {"Address": "text"}
            one.pop("DbiResourceId", None)
            one["NewMember"] = "text"

    lines = doctored(change)
    said = wrong(lines)
    assert any("DBInstance creating: AWS answers already here with Endpoint" in one for one in said), said
    assert any("AWS does not answer with DbiResourceId" in one for one in said), said
    assert not any("NewMember" in one for one in said), said
    file = tmp_path / "aws.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in [HEAD, *lines]))
    assert main([str(file), str(LOCAL)]) == 1


def test_another_code_is_named() -> None:
    def change(line: dict[str, Any]) -> None:
        if line.get("code") == "DBInstanceNotFound":
            line["code"] = "DBInstanceNotFoundFault"

    said = wrong(doctored(change))
    assert "rds:DescribeDBInstances: AWS does not refuse with DBInstanceNotFound" in said
    assert "rds:DescribeDBInstances: only AWS refuses with DBInstanceNotFoundFault" in said


def test_what_only_one_of_them_was_asked_is_not_compared() -> None:
    asked = {**LINES[0], "operation": "DescribeEvents", "code": "Refused", "answer": None}
    assert wrong([*LINES, asked]) == []
    aws = [*LINES, {**asked, "code": "Another"}]
    ours = seen([*LINES, asked])
    said = [one.text for one in compare(seen(aws), ours)]
    assert "rds:DescribeEvents: only AWS refuses with Another" in said


def test_another_order_is_named() -> None:
    swapped = {"creating": "available", "available": "creating"}

    def change(line: dict[str, Any]) -> None:
        for one in instances(line):
            one["DBInstanceStatus"] = swapped.get(one["DBInstanceStatus"], one["DBInstanceStatus"])

    assert any("comes before creating" in one for one in wrong(doctored(change)))


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    for text in ("", "{}", "no", '{"format": 2}'):
        file = tmp_path / "file"
        file.write_text(text)
        assert main([str(file), str(LOCAL)]) == 2
    assert main([]) == 2
