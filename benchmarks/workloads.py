"""The benchmarks: each has a run of the simulator, the baselines for it, and a target.

A target is printed beside the measured number and never asserted, because other work on the machine
would make such a test fail.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aimctheory as at
from benchmarks import baselines as plain
from benchmarks import processes
from benchmarks.timing import OURS, Contender, Measurement, alternate, compete, environment

Array = NDArray[np.float64]

REPLICATES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One line of the table.

    `measure(rounds)` times the contenders, and `judged` makes of the times the numbers, one a
    round, that should be at least (sense "≥") or at most (sense "≤") the `target`.  Times are
    printed in `unit`, of which `scale` make a second.  `codes` are the functions whose source is
    shown.
    """

    id: str
    title: str
    measure: Callable[[int], Measurement]
    judged: Callable[[Measurement], Array]
    sense: str
    target: float
    unit: str = "ns/update"
    scale: float = 1e9
    codes: tuple[Callable[..., Any], ...] = ()
    contenders: tuple[Contender, ...] = ()


def against(name: str) -> Callable[[Measurement], Array]:
    """A function that tells how many times faster the simulator is than `name`."""
    return lambda measured: measured.speedup(name)


def ours(
    algorithm: Any,
    device: Any,
    *,
    noise: Any,
    hyper: dict[str, Any],
    objective: Any = None,
    threads: int = 1,
    averages: Any = None,
) -> Callable[[int, int], Array]:
    """A run of the simulator in the baselines' form: `run(steps, replicates)` -> last weights."""
    bowl = objective or at.quadratic(minimiser=plain.GOAL)

    def run(steps: int, replicates: int) -> Array:
        with environment(AIMCTHEORY_THREADS=str(threads)):
            found = at.simulate(
                algorithm,
                device,
                bowl,
                hyper=hyper,
                noise=noise,
                steps=steps,
                rng=0,
                replicates=replicates,
                record_every=steps,
                averages=averages,
            )
        last = found.readout[:, -1]
        return last[:, 0] if last.shape[1] == 1 else last

    return run


def scalar(device: Any) -> Callable[[int, int], Array]:
    """Scalar Analog SGD on this device, Gaussian noise."""
    hyper = {"learning_rate": plain.RATE}
    return ours(at.analog_sgd, device, noise=at.gaussian(plain.NOISE), hyper=hyper)


def with_moments(steps: int, replicates: int) -> Array:
    """Scalar Analog SGD, every cell with numbers of its own: last weights, means and variances."""
    tau, c, rate = (column[:, None] for column in plain.spread(replicates))
    with environment(AIMCTHEORY_THREADS="1"):
        run = at.simulate(
            at.analog_sgd,
            at.linear(tau=tau, c=c),
            at.quadratic(minimiser=plain.GOAL),
            hyper={"learning_rate": rate},
            noise=at.gaussian(plain.NOISE),
            steps=steps,
            rng=0,
            replicates=replicates,
            record_every=steps,
            averages={"w": lambda state, hyper, gradient, ops: state.W},
        )
    batches = run.averages["w"]
    lengths = np.diff(batches.edges)
    mean = np.average(batches.mean[:, :, 0], axis=1, weights=lengths)
    square = (batches.variance + batches.mean**2)[:, :, 0]
    return np.stack([run.states["W"][:, -1, 0], mean, square @ lengths / steps - mean**2])


def residual() -> Callable[[int, int], Array]:
    """Residual Learning v2 on linear devices, with a noisy read."""
    return ours(
        at.residual_learning_v2,
        at.linear(tau=1),
        noise={"gradient": at.gaussian(plain.NOISE), "read": at.gaussian(plain.READ)},
        hyper={
            "learning_rate": plain.FAST,
            "transfer_rate": plain.TRANSFER,
            "mixing": plain.MIXING,
            "filter_rate": plain.FILTER,
            "threshold": plain.THRESHOLD,
        },
    )


@functools.cache
def dense(coordinates: int) -> Callable[[int, int], Array]:
    """Analog SGD on a quadratic whose Hessian is full."""
    bowl = at.quadratic(curvature=plain.hessian(coordinates), minimiser=plain.GOAL)
    hyper = {"learning_rate": plain.RATE}
    return ours(
        at.analog_sgd, at.linear(tau=1), noise=at.gaussian(plain.NOISE), hyper=hyper, objective=bowl
    )


# ---- benchmarks ------------------------------------------------------------------------------


def race(
    id: str,
    title: str,
    target: float,
    *contenders: Contender,
    replicates: int = REPLICATES,
    coordinates: int = 1,
) -> Benchmark:
    """The first contender should be `target` times faster than the second."""
    return Benchmark(
        id=id,
        title=title,
        measure=lambda rounds: compete(contenders, rounds, replicates, coordinates),
        judged=against(contenders[1].name),
        sense="≥",
        target=target,
        codes=tuple(each.code for each in contenders if each.code),
        contenders=contenders,
    )


def three(
    run: Callable[[int, int], Any],
    numpy: Any,
    numba: Any,
    steps: tuple[int, int, int],
    loop: Any = None,
) -> tuple[Contender, ...]:
    """The simulator, NumPy and plain Numba; `loop` is the code to show for Numba, if not all."""
    return (
        Contender(OURS, run, steps[0]),
        Contender("NumPy", numpy, steps[1], numpy),
        Contender("plain Numba", numba, steps[2], loop or numba),
    )


def two_threads(rounds: int) -> Measurement:
    """The same run of 40 000 replicates on two threads and on one."""
    hyper = {"learning_rate": plain.RATE}
    runs = {
        f"{n} thread{'s' * (n > 1)}": ours(
            at.analog_sgd, at.linear(tau=1), noise=at.gaussian(plain.NOISE), hyper=hyper, threads=n
        )
        for n in (2, 1)
    }
    contenders = [Contender(name, run, 4000) for name, run in runs.items()]
    return compete(contenders, rounds, 40_000, 1)


def digits(rounds: int, replicates: int = 20, steps: int = 100) -> Measurement:
    """Seconds per step of training on the digits, and of the gradients of that step alone."""
    from aimctheory.objectives.softmax import softmax_digits

    objective = softmax_digits()
    run = ours(
        at.analog_sgd,
        at.linear(tau=1),
        noise=None,
        hyper={"learning_rate": 0.15},
        objective=objective,
    )
    size = (steps, replicates, objective.batch)
    batches = np.random.default_rng(0).integers(objective.samples, size=size)
    weights = run(8, replicates)
    raw = alternate(
        {
            OURS: lambda: run(steps, replicates),
            "gradient alone": lambda: plain.gradient_alone(objective, weights, batches),
        },
        rounds,
    )
    return Measurement({name: seconds / steps for name, seconds in raw.seconds.items()})


def share(measured: Measurement) -> Array:
    """The first contender's time over the second's."""
    return 1 / measured.speedup(measured.names[1])


def seconds(measured: Measurement) -> Array:
    """The first contender's time."""
    return measured.seconds[measured.names[0]]


LINEAR = three(
    scalar(at.linear(tau=plain.TAU)), plain.linear_numpy, plain.linear_numba, (6000, 400, 150)
)
SINGLE = Contender("NumPy, single-precision normals", plain.linear_numpy_single, 400)
MOMENTS = three(
    with_moments, plain.moments_numpy, plain.moments_numba, (10_000, 300, 150), plain.moments_loop
)
POWER_2 = three(
    scalar(at.power(tau=1, gamma=2)), plain.power_2_numpy, plain.power_2_numba, (5000, 300, 150)
)
POWER_1_5 = three(
    scalar(at.power(tau=1, gamma=1.5)),
    plain.power_1_5_numpy,
    plain.power_1_5_numba,
    (4000, 300, 150),
)
POWER_2_37 = three(
    scalar(at.power(tau=1, gamma=2.37)),
    plain.power_2_37_numpy,
    plain.power_2_37_numba,
    (1000, 300, 100),
)
EXPONENTIAL = three(
    scalar(at.exponential(tau=1, gamma=plain.BEND)),
    plain.exponential_numpy,
    plain.exponential_numba,
    (1500, 300, 100),
)
RESIDUAL = three(residual(), plain.residual_numpy, plain.residual_numba, (2000, 150, 75))

BENCHMARKS = (
    race("linear", "Analog SGD, linear response", 11, *LINEAR, SINGLE),
    race("moments", "… with outcomes, numbers of each cell, running moments", 8, *MOMENTS),
    Benchmark(
        id="threads",
        title="… two threads against one (40 000 replicates)",
        measure=two_threads,
        judged=against("1 thread"),
        sense="≥",
        target=1.6,
    ),
    race("power-2", "Analog SGD, power response, γ = 2", 8, *POWER_2),
    race("power-1.5", "Analog SGD, power response, γ = 1.5", 8, *POWER_1_5),
    race("power-2.37", "Analog SGD, power response, γ = 2.37", 2.5, *POWER_2_37),
    race("exponential", "Analog SGD, exponential response, γ = 2", 4, *EXPONENTIAL),
    race("residual", "Residual Learning v2, two noises", 8, *RESIDUAL),
    race(
        "dense",
        "Analog SGD, dense quadratic, D = 50 (1000 replicates)",
        4,
        Contender(OURS, lambda steps, replicates: dense(50)(steps, replicates), 200),
        Contender("NumPy", plain.dense_numpy, 80, plain.dense_numpy),
        replicates=1000,
        coordinates=50,
    ),
    Benchmark(
        id="digits",
        title="digits, D = 650, 20 replicates: a whole step over its gradient alone",
        measure=digits,
        judged=share,
        sense="≤",
        target=2.0,
        unit="ms/step",
        scale=1e3,
        codes=(plain.gradient_alone,),
    ),
    Benchmark(
        id="compile-cold",
        title="a further kernel in a process, compiled",
        measure=lambda rounds: processes.compiling().cold,
        judged=seconds,
        sense="≤",
        target=0.8,
        unit="s",
        scale=1.0,
        codes=(processes.first_calls,),
    ),
    Benchmark(
        id="compile-cached",
        title="a further kernel in a process, from the cache",
        measure=lambda rounds: processes.compiling().cached,
        judged=seconds,
        sense="≤",
        target=0.030,
        unit="s",
        scale=1.0,
        codes=(processes.first_calls,),
    ),
    Benchmark(
        id="import",
        title="import aimctheory over import numpy",
        measure=processes.importing,
        judged=share,
        sense="≤",
        target=1.3,
        unit="ms",
        scale=1e3,
        codes=(processes.import_seconds,),
    ),
)
