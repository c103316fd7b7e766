"""The API of the faults, for the tests."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from local_cloud import Cloud


class Faults:
    """The API of the faults, as a test uses it. What it orders it takes back."""

    def __init__(self, cloud: Cloud) -> None:
        self._url = f"{cloud.url}/_local-cloud/"
        self._ordered: list[int] = []

    def order(self, **order: Any) -> dict:
        answer = self.ask("POST", "faults", order)
        self._ordered.append(answer["id"])
        return answer

    def matched(self, order: dict) -> int:
        return next(standing["matched"] for standing in self.ask("GET", "faults") if standing["id"] == order["id"])

    def calls(self, resource: str) -> list[dict]:
        return [call for call in self.ask("GET", "calls") if resource in call["resource"]]

    def ask(self, method: str, path: str, body: dict | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(
            urllib.request.Request(self._url + path, data, method=method), timeout=10
        ) as answer:
            return json.load(answer)

    def take_back(self) -> None:
        while self._ordered:
            self.ask("DELETE", f"faults/{self._ordered.pop()}")
