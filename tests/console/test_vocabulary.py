"""The words of the functions have one home here too: what a status word, a tag or a stage is, is asked there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import console
from console import vocabulary

MODULES = sorted(Path(console.__path__[0]).rglob("*.py"))
#: What is asked for its status: an attribute, a variable or a field of one of these names.
STATUS = {"status", "rdsStatus", "DBInstanceStatus", "Status"}
WORDS = vocabulary.READY | vocabulary.FAILED | {"creating", "copying", "pending", "modifying"}


def _texts(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _is_status(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        return any(text in STATUS for text in _texts(node.slice))
    return getattr(node, "attr", getattr(node, "id", "")) in STATUS


def compared_words(tree: ast.AST) -> list[str]:
    """The status words that a status is compared with, or is searched for."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and _is_status(node.left):
            found += [text for side in node.comparators for text in _texts(side) if text in WORDS]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_status(node.func.value):
            found += [text for argument in node.args for text in _texts(argument)] if "with" in node.func.attr else []
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_status_word_is_compared(path: Path) -> None:
    assert compared_words(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_a_comparison_would_be_noticed() -> None:
    for code in ('one.status == "available"', 'x["rdsStatus"] in ("deleting", "y")', 'status.startswith("stop")'):
        assert compared_words(ast.parse(code)), code


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_tag_and_no_stage_is_written_again(path: Path) -> None:
    states = {stage.state for stages in vocabulary.STAGES.values() for stage in stages}
    known = {*vocabulary.TAGS.values(), *states}
    assert known.isdisjoint(_texts(ast.parse(path.read_text(encoding="utf-8"))))
