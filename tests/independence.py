"""What the stated sides of a claim file reach.

`inspected(path)` follows `computed`, `stated`, `corrected`, the hypotheses, the mutants' `stated`,
and the `error` and `within` of a relation through module-level helpers, lambdas, factories, tables,
aliases and other claim files, and objects to everything they reach that is neither math, NumPy,
SymPy, mpmath nor the Case.  What it cannot follow it objects to as well.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aimctheory.judge import relation

ALLOWED = {"math", "cmath", "numpy", "sympy", "mpmath"}
SIDES = {"computed", "stated", "corrected", "hypotheses", "unprinted"}
RELATIONS = {"replace"} | {
    name
    for name, function in inspect.getmembers(relation, inspect.isfunction)
    if function.__annotations__.get("return") == "Relation" and not name.startswith("_")
}
PARTS_OF_A_CLAIM = {"Claim", "Mutant"}
BARRED = {
    "__import__",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "getattr",
    "globals",
    "input",
    "locals",
    "open",
    "setattr",
    "vars",
}
CHANGING = {"add", "append", "extend", "insert", "setdefault", "update"}

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = Function | Comprehension
Chain = tuple[Scope, ...]  # the scopes around a place, the outermost first


# -- which names an expression takes from outside -------------------------------------------------


def parameters(function: Function) -> list[str]:
    a = function.args
    extra = [x for x in (a.vararg, a.kwarg) if x]
    return [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, *extra)]


def shallow(body: list[ast.AST]) -> Iterator[ast.AST]:
    """Every node of `body`, without the insides of functions and comprehensions."""
    for node in body:
        yield node
        if not isinstance(node, Function | Comprehension):
            yield from shallow(list(ast.iter_child_nodes(node)))


def body_of(function: Function) -> list[ast.AST]:
    return [function.body] if isinstance(function, ast.Lambda) else list(function.body)


def bound_names(node: ast.AST) -> set[str]:
    """What one node binds in the scope it stands in."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name.split(".")[0]) for a in node.names}
    if isinstance(node, ast.ExceptHandler) and node.name:
        return {node.name}
    return set()


def locals_of(scope: Scope) -> set[str]:
    if isinstance(scope, Comprehension):
        targets = [n for g in scope.generators for n in ast.walk(g.target)]
        return set().union(*map(bound_names, targets))
    nodes = list(shallow(body_of(scope)))
    shared = {n for x in nodes if isinstance(x, ast.Global | ast.Nonlocal) for n in x.names}
    return set(parameters(scope)).union(*map(bound_names, nodes)) - shared


def free(node: ast.AST | None, bound: frozenset[str] = frozenset()) -> Iterator[ast.AST]:
    """The outside names that `node` reads, its imports, and the private attributes it touches."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in bound:
            yield node
    elif isinstance(node, Function):
        a = node.args
        for outer in (*a.defaults, *a.kw_defaults, *getattr(node, "decorator_list", ())):
            yield from free(outer, bound)
        for inner in body_of(node):
            yield from free(inner, bound | locals_of(node))
    elif isinstance(node, Comprehension):
        inside = bound | locals_of(node)
        for child in ast.iter_child_nodes(node):
            yield from free(child, inside)
    elif isinstance(node, ast.AnnAssign):
        yield from free(node.value, bound)
    elif node is not None:
        private = isinstance(node, ast.Attribute) and node.attr.startswith("_")
        if private or isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        for child in ast.iter_child_nodes(node):
            yield from free(child, bound)


# -- following them -------------------------------------------------------------------------------


@dataclass
class Follower:
    """Walks everything the stated sides of one claim file reach, and keeps what it objects to."""

    claims: Path

    def __post_init__(self) -> None:
        self.trees: dict[Path, ast.Module] = {}
        self.seen: set[tuple[Path, int, str]] = set()
        self.found: list[str] = []
        self.side = ""

    def tree(self, path: Path) -> ast.Module:
        if path not in self.trees:
            self.trees[path] = ast.parse(path.read_text(encoding="utf-8"))
        return self.trees[path]

    def object_to(self, path: Path, node: ast.AST, what: str) -> None:
        self.found.append(f"{path.name}:{getattr(node, 'lineno', 0)}: {self.side} {what}")

    def walk(self, node: ast.AST, path: Path, chain: Chain) -> None:
        if (path, id(node), "walk") in self.seen:
            return
        self.seen.add((path, id(node), "walk"))
        for taken in free(node):
            if isinstance(taken, ast.Attribute):
                self.object_to(path, taken, f"reads the private attribute {taken.attr}")
            elif isinstance(taken, ast.Name):
                self.resolve(taken, path, chain)
            else:
                for alias in taken.names:
                    self.enter(taken, alias, path)

    def resolve(self, name: ast.Name, path: Path, chain: Chain) -> None:
        """Follow a name to whatever binds it: around the place, in the module, or a builtin."""
        for depth in range(len(chain), 0, -1):
            scope, outer = chain[depth - 1], chain[: depth - 1]
            if name.id not in locals_of(scope):
                continue
            if isinstance(scope, Comprehension):
                return self.bindings(name, list(scope.generators), path, outer)
            if name.id in parameters(scope):
                return self.arguments(name, scope, path, outer)
            return self.bindings(name, body_of(scope), path, chain[:depth])
        if any(name.id in bound_names(node) for node in shallow(self.tree(path).body)):
            self.changes(name, path)
            return self.bindings(name, list(self.tree(path).body), path, ())
        if name.id in BARRED or not hasattr(builtins, name.id):
            self.object_to(path, name, f"uses {name.id}, which cannot be followed")
        return None

    def bindings(self, name: ast.Name, body: list[ast.AST], path: Path, chain: Chain) -> None:
        for node in shallow(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name.split(".")[0]) == name.id:
                        self.enter(node, alias, path)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if node.name == name.id:
                    self.walk(node, path, chain)
            elif isinstance(node, ast.stmt | ast.NamedExpr | ast.withitem | ast.comprehension):
                targets = [getattr(node, "target", None), getattr(node, "optional_vars", None)]
                targets += getattr(node, "targets", [])
                stored = {n for t in targets if t for x in ast.walk(t) for n in bound_names(x)}
                value = getattr(node, "value", None) or getattr(node, "iter", None)
                value = value or getattr(node, "context_expr", None)
                if name.id in stored and value is not None:
                    self.walk(value, path, chain)

    def arguments(self, name: ast.Name, function: Function, path: Path, chain: Chain) -> None:
        """Follow a factory's parameter to its default and to the arguments of every call."""
        a = function.args
        plain = [x.arg for x in (*a.posonlyargs, *a.args)]
        defaults = dict(zip(reversed(plain), reversed(a.defaults), strict=False))
        defaults |= {x.arg: d for x, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d}
        given = [(defaults[name.id], chain)] if name.id in defaults else []
        for call, around in calls(self.tree(path)):
            if getattr(call.func, "id", "") != getattr(function, "name", None):
                continue
            if any(isinstance(x, ast.Starred) for x in call.args) or None in keywords(call):
                self.object_to(path, call, f"passes {name.id} by * or **, not to be followed")
            passed = dict(zip(plain, call.args, strict=False)) | keywords(call)
            if name.id in passed:
                given.append((passed[name.id], around))
        for value, around in given:
            self.walk(value, path, around)
        if not given:
            self.object_to(path, name, f"uses the parameter {name.id}, which cannot be followed")

    def changes(self, name: ast.Name, path: Path) -> None:
        """Object to a module-level name that is changed after it was bound."""
        for node in ast.walk(self.tree(path)):
            changed: ast.AST | None = None
            if isinstance(node, ast.Subscript | ast.Attribute):
                changed = None if isinstance(node.ctx, ast.Load) else node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                changed = node.func.value if node.func.attr in CHANGING else None
            elif isinstance(node, ast.Global) and name.id in node.names:
                changed = name
            while isinstance(changed, ast.Subscript | ast.Attribute):
                changed = changed.value
            if isinstance(changed, ast.Name) and changed.id == name.id:
                self.object_to(path, node, f"reads {name.id}, which is changed here")

    def enter(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, path: Path) -> None:
        """Allow, refuse or follow an import."""
        module = alias.name
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                here = ["aimctheory", "claims", *path.relative_to(self.claims).parent.parts]
                up = here[: len(here) + 1 - node.level]
                module = ".".join([*up, *filter(None, [module])])
        file = self.claims.joinpath(*module.split(".")[2:]).with_suffix(".py")
        if isinstance(node, ast.ImportFrom) and module.startswith("aimctheory.claims."):
            if alias.name == "*" or not file.exists():
                self.object_to(path, node, f"imports {alias.name} from {module}, unfollowed")
            else:
                self.resolve(ast.Name(alias.name, ast.Load(), lineno=node.lineno), file, ())
        elif (module, alias.name) != ("aimctheory.judge.claim", "Case") and (
            module.split(".")[0] not in ALLOWED
        ):
            full = module if isinstance(node, ast.Import) else f"{module}.{alias.name}"
            self.object_to(path, node, f"reaches {full}")


def keywords(call: ast.Call) -> dict[str | None, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords}


def calls(node: ast.AST, chain: Chain = ()) -> Iterator[tuple[ast.Call, Chain]]:
    """Every call below `node`, with the functions around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, chain
        yield from calls(child, (*chain, child) if isinstance(child, Scope) else chain)


def inspected(path: Path, claims: Path | None = None) -> tuple[list[str], int]:
    """What is wrong with the stated sides of a claim file, and how many sides were found."""
    follower, sides = Follower(claims or path.parent), 0
    tree = follower.tree(path)
    renamed = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if "*" in renamed:
        follower.found.append(f"{path.name}: imports * and so hides names")
    for call, chain in calls(tree):
        called = getattr(call.func, "attr", getattr(call.func, "id", ""))
        called = renamed.get(called, called)
        handed = {renamed.get(a.id, a.id) for a in call.args if isinstance(a, ast.Name)}
        if None in keywords(call) and ({called} | handed) & PARTS_OF_A_CLAIM:
            follower.side = f"a {called}"
            follower.object_to(path, call, "takes its parts by **, which cannot be followed")
        for name, value in keywords(call).items():
            if name in SIDES or (name in {"error", "within"} and called in RELATIONS):
                sides += 1
                follower.side = f"the {name} of line {value.lineno}"
                follower.walk(value, path, chain)
    return sorted(set(follower.found)), sides
