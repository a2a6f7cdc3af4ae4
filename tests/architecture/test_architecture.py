"""House rules as tests: which package may import which, and how long modules and functions may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "spiritsafe": ROOT / "client" / "spiritsafe",
    "registry": ROOT / "registry",
    "distill": ROOT / "distill",
    "cli": ROOT / "cli",
}
# Everything may import the SDK, and nothing else imports another package...
ALLOWED = {"spiritsafe": set(), "registry": {"spiritsafe"}, "distill": {"spiritsafe"}, "cli": {"spiritsafe"}}
# ...but for these launchers and commands on local files, inside of functions, so that other commands load no service.
LAUNCHERS = {
    "cli.serve",
    "cli.worker",
    "cli.embedded",
    "cli.database",
    "cli.data",
    "cli.environment",
    "cli.rows",
    "cli.teacher",
}
HEAVY = {"accelerate", "bitsandbytes", "boto3", "datasets", "dbos", "peft", "torch", "transformers", "trl"}
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 80


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module; ``lazy`` inside a function, ``typing_only`` under ``if TYPE_CHECKING``."""

    module: str
    line: int
    lazy: bool
    typing_only: bool

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed source file."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module

    def imports(self) -> list[Import]:
        found: list[Import] = []
        _collect(self.tree, self, found, lazy=False, typing_only=False)
        return found


def _collect(node: ast.AST, module: Module, found: list[Import], *, lazy: bool, typing_only: bool) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            found += [Import(name, child.lineno, lazy, typing_only) for name in _names(child, module)]
            continue
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        _collect(child, module, found, lazy=lazy or inside, typing_only=typing_only or typing)


def _names(node: ast.Import | ast.ImportFrom, module: Module) -> list[str]:
    """The modules that the statement may load, ``from a import b`` counting as both a and a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        above = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
        base = ".".join([*above, *([base] if base else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _load() -> Iterator[Module]:
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            relative = path.relative_to(folder)
            if relative.parts[-1].endswith(("_pb2.py", "_pb2_grpc.py")):
                continue  # generated
            is_package = path.name == "__init__.py"
            parts = relative.parts[:-1] if is_package else (*relative.parts[:-1], path.stem)
            yield Module(".".join([package, *parts]), path, is_package, ast.parse(path.read_text("utf-8")))


MODULES = {module.name: module for module in _load()}
# A migration is one list of statements, as Alembic wrote it.
PRODUCT = {name: module for name, module in MODULES.items() if ".migrations." not in name}
EACH = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


def test_there_is_something_to_look_at() -> None:
    assert {name.partition(".")[0] for name in MODULES} == set(PACKAGES)


@EACH
def test_imports_go_in_one_direction(module: Module) -> None:
    own = module.name.partition(".")[0]
    foreign = [one for one in module.imports() if one.package in PACKAGES and one.package != own]
    wrong = [one for one in foreign if one.package not in ALLOWED[own]]
    if module.name in LAUNCHERS:
        wrong = [one for one in wrong if not (one.lazy or one.typing_only)]
    assert wrong == []


@EACH
def test_heavy_libraries_are_not_loaded_by_packages(module: Module) -> None:
    """Importing a package must stay cheap: heavy libraries only in modules that use them, in cli never."""
    eager = [one.module for one in module.imports() if one.package in HEAVY and not one.lazy and not one.typing_only]
    if module.is_package or module.name.partition(".")[0] in ("cli", "spiritsafe"):
        assert eager == []


@EACH
def test_modules_are_short(module: Module) -> None:
    assert len(module.path.read_text("utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("module", PRODUCT.values(), ids=PRODUCT)
def test_functions_are_short(module: Module) -> None:
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{one.name}:{one.lineno}": (one.end_lineno or 0) - one.lineno + 1 for one in functions}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One cycle for each node that can reach itself through a node not yet left."""
    found: list[list[str]] = []
    left: set[str] = set()

    def visit(node: str, trail: list[str]) -> None:
        if node in trail:
            found.append([*trail[trail.index(node) :], node])
            return
        if node in left:
            return
        for following in sorted(graph.get(node, ())):
            visit(following, [*trail, node])
        left.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Not even inside of functions: a lazy import would hide the circle, not remove it."""
    graph = {
        module.name: {one.module for one in module.imports() if not one.typing_only and one.module in MODULES}
        for module in MODULES.values()
    }
    # `from package import module` names the package too, and a package's own modules find it loaded already.
    plain = {name: {one for one in targets if not MODULES[one].is_package} for name, targets in graph.items()}
    assert cycles(plain) == []


def test_packages_of_the_registry_do_not_import_each_other_in_circles() -> None:
    """A package is the folder under registry/, or the module that lies there itself."""
    graph: dict[str, set[str]] = {}
    for module in MODULES.values():
        found = [one.module for one in module.imports() if not one.typing_only and one.module in MODULES]
        graph.setdefault(_part(module.name), set()).update(map(_part, found))
    parts = {name: targets - {name} for name, targets in graph.items() if name.startswith("registry.")}
    assert cycles(parts) == []


def _part(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_a_circle_is_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c", "a"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
