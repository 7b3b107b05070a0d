"""What ``aimctheory show`` and ``doctor`` print: one item in full, and the state of the machine."""

from __future__ import annotations

import os
import platform
import textwrap
from typing import Any

import sympy

from aimctheory.algorithms.record import Algorithm
from aimctheory.catalogue import linear
from aimctheory.claim import Claim
from aimctheory.figures import Study, versions
from aimctheory.laws import gaussian
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response


def describe(item: Claim | Study | Response | Algorithm) -> str:
    """The item for readers: statement, formulas, where it is printed, how to run it."""
    if isinstance(item, Claim):
        return _claim(item)
    if isinstance(item, Study):
        return _study(item)
    return _response(item) if isinstance(item, Response) else _algorithm(item)


def _claim(claim: Claim) -> str:
    lines = [f"{claim.id}: {claim.title}", f"printed  {claim.source}", f"states   {claim.statement}"]
    lines.append(f"checked  {claim.relation.phrase}; {claim.level}; expected: {claim.expected}")
    lines += [f"given    {name}" for name in claim.hypotheses]
    lines += [f"mutant   {mutant.why}" for mutant in claim.mutants]
    if claim.note:
        lines.append(textwrap.fill(claim.note, 100, initial_indent="note     ", subsequent_indent=" " * 9))
    return "\n".join([*lines, f"run      aimctheory check {claim.id}"])


def _study(study: Study) -> str:
    lines = [f"{study.id}: {study.title}", *(f"printed  {source}" for source in study.sources)]
    lines += [f"relies on {claim}" for claim in study.relies_on]
    lines.append(f"figure   figures/{study.id}.png")
    return "\n".join([*lines, f"run      aimctheory reproduce {study.id}"])


def _response(response: Response) -> str:
    point = response.symmetric_points()
    penalty = response.penalty()
    formulas = {
        "q_up": response.up,
        "q_down": response.down,
        "F": response.mean_response,
        "G": response.asymmetry,
        "R = G/F": response.ratio,
        "symmetric points": ", ".join(map(str, point)) or "none in closed form",
        "dynamic range": "[{}, {}]".format(*(response.dynamic_range or ("", ""))),
        "R_c": penalty if penalty is not None else "no closed form (quadrature)",
    }
    lines = [f"{response.id}: {response.title}", f"printed  {response.source}"]
    lines += [f"{name} = {value}" for name, value in formulas.items()]
    lines += [f"{p.name} in {p.domain}: {p.meaning}" for p in response.parameters or ()]
    return "\n".join([*lines, f"LaTeX of R: {sympy.latex(response.ratio)}"])


def _algorithm(algorithm: Algorithm) -> str:
    import inspect

    lines = [f"{algorithm.id}: {algorithm.title}", f"printed  {algorithm.source}"]
    lines.append(f"arrays {', '.join(algorithm.arrays) or 'none'}; buffers {', '.join(algorithm.buffers) or 'none'}")
    lines += [f"{p.name} = {p.symbol} in {p.domain}: {p.meaning}" for p in algorithm.hyper]
    return "\n".join([*lines, "", inspect.getsource(algorithm.step).rstrip()])


def kernel(item: Any) -> str:
    """The generated module of an algorithm, or of Analog SGD on a response; text only.

    Raises ValueError for anything else.
    """
    from aimctheory.algorithms.analog_sgd import analog_sgd
    from aimctheory.kernels import module_text
    from aimctheory.plan import plan
    from aimctheory.problem import pose

    algorithm, cell = (item, linear(tau=1)) if isinstance(item, Algorithm) else (analog_sgd, None)
    if isinstance(item, Response):
        cell = item(**{p.name: p.typical[1] for p in item.parameters or () if p.default is None})
    if cell is None:
        raise ValueError(f"{item.id} has no kernel; name an algorithm or a response")
    hyper = {p.name: p.typical[0] for p in algorithm.hyper}
    noise = {stream: gaussian(0.5) for stream in ("gradient", *algorithm.noises)}
    device = cell if algorithm.arrays else {}
    posed = pose(
        algorithm, device, quadratic(minimiser=0.5), hyper=hyper, noise=noise, start=None,
        replicates=1, averages=None,
    )  # fmt: skip
    return module_text(plan(posed))


def doctor() -> tuple[str, bool]:
    """Versions, processors, the kernel cache, and whether both engines agree; healthy or not."""
    from aimctheory.algorithms.analog_sgd import analog_sgd
    from aimctheory.engine import threads
    from aimctheory.kernels import cache_folder
    from aimctheory.simulate import simulate

    lines = [f"{name} {number}" for name, number in versions().items()]
    lines.append(f"{platform.machine()}, {os.cpu_count()} processors, {threads()} threads")
    folder = cache_folder()
    kept = len(list(folder.glob("kernel_*.py"))) if folder.is_dir() else 0
    lines.append(f"kernel cache {folder}: {kept} modules, safe to delete")
    last = []
    try:
        for engine in ("kernel", "reference"):
            run = simulate(
                analog_sgd, linear(tau=1), quadratic(minimiser=0.5), hyper={"learning_rate": 0.05},
                noise=gaussian(0.5), steps=64, replicates=8, rng=0, engine=engine,
            )  # fmt: skip
            last.append(run.states["W"])
    except ValueError as error:
        return "\n".join([*lines, f"self-test failed: {error}"]), False
    same = bool((last[0] == last[1]).all())
    lines.append("self-test: both engines give the same bits" if same else "self-test: the engines DISAGREE")
    return "\n".join(lines), same
