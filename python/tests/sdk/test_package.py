"""`pip wheel python/longhaul` makes `longhaul-sdk`, which needs nothing but Python for local use."""

from __future__ import annotations

import ast
import builtins
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from scenes import PYTHON

SCRIPT = """
import longhaul, sys
with longhaul.trial(defaults={"lr": 2}, epochs=2) as trial:
    weights = trial.keep(model={"w": 0.0})
    for epoch in trial.epochs():
        for x in trial.batches([1.0, 2.0]):
            weights["w"] += trial.parameters["lr"] * x
            trial.step(samples=1, loss=x)
        trial.validation({"score": weights["w"]}, model=lambda folder: (folder / "w.txt").write_text(str(weights["w"])))
foreign = {name.split(".")[0] for name in sys.modules} & {"numpy", "pyarrow", "google", "obstore", "tensorflow", "torch"}
assert not foreign, foreign
"""


def test_the_wheel_needs_nothing_but_python(tmp_path: Path) -> None:
    source = PYTHON / "longhaul"
    copy = tmp_path / "source"
    # A build leaves folders in its source.
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(tmp_path),
        str(copy),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("*.whl"))
    assert wheel.name.startswith("longhaul_sdk-") and wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    packed = {str(path.relative_to(tmp_path / "installed" / "longhaul")) for path in (tmp_path / "installed" / "longhaul").rglob("*.py")}
    assert packed == {str(path.relative_to(source)) for path in source.rglob("*.py")}
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LONGHAUL_", "PYTHON"))}
    ran = subprocess.run(
        [sys.executable, "-S", "train.py"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "is done after 4 steps" in ran.stdout


def evaluated_unions(source: str) -> list[str]:
    """`X | Y` that Python evaluates: aliases, isinstance, defaults; annotations are not, below `from __future__ import annotations`."""
    tree = ast.parse(source)
    postponed = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    annotations = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")] if postponed else []
    inside = {id(node) for found in annotations if found is not None for node in ast.walk(found)}
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.BitOr)
        and id(node) not in inside
        and (_is_type(node.left) or _is_type(node.right))
    ]


def _is_type(node: ast.AST) -> bool:
    """By its look: a class of Python, None, or a subscript such as `list[int]`."""
    if isinstance(node, ast.Constant):
        return node.value is None
    if isinstance(node, ast.Subscript):
        return _is_type(node.value)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return isinstance(getattr(builtins, name, None), type) or (name[:1].isupper() and not name.isupper())


def test_what_is_evaluated_is_python_3_9() -> None:
    """There `int | None` is an error where it is evaluated."""
    future = "from __future__ import annotations\n"
    for wrong in (
        f"{future}A = bytes | B",
        f"{future}isinstance(x, int | float)",
        f"{future}D = dict[str, float | None]",
        "def f(x: int | None): ...",
    ):
        assert len(evaluated_unions(wrong)) == 1, wrong
    assert (
        evaluated_unions(f"{future}def f(x: int | None = 1 | 2, *, y: A | B) -> A | None:\n    z: int | None = os.O_RDONLY | os.O_CREAT")
        == []
    )
    found = {}
    for path in sorted((PYTHON / "longhaul").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        ast.parse(source, feature_version=(3, 9))
        if unions := evaluated_unions(source):
            found[str(path.relative_to(PYTHON))] = unions
    assert found == {}
