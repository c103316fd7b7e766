"""Numbers that make no sense are wrong usage: no command starts anything with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console import destroy
from demo import __main__ as demo

NO_SECONDS = ("0", "-1", "-0.5", "nan", "inf", "soon", "")
NO_NUMBERS = ("0", "-1", "2.5", "nan", "1e1", "9" * 5000, "many", "")


@pytest.mark.parametrize(
    ("main", "option", "value"),
    [(destroy.main, "--timeout", value) for value in NO_SECONDS]
    + [(demo.main, "--rows", value) for value in NO_NUMBERS],
)
def test_a_number_that_makes_no_sense_is_wrong_usage(
    main: Callable, option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the command has begun")

    monkeypatch.setattr(destroy, "Account", never)
    monkeypatch.setattr(demo, "Demonstration", never)
    with pytest.raises(SystemExit) as ended:
        main([f"{option}={value}"])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err
