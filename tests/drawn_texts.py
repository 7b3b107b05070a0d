"""The texts that the renderer draws, and which of them overlap or leave the figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray


def text_boxes(figure: Figure) -> list[tuple[str, NDArray[np.float64]]]:
    """Every line of text that is drawn, with the four corners of its box in pixels, (4, 2).

    The boxes come from a renderer, so hidden labels and ticks beyond the axes are left out.
    """
    boxes: list[tuple[str, NDArray[np.float64]]] = []

    class Listener(RendererAgg):
        def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
            width, height, descent = measure(s, prop, ismath)
            turn = np.exp(1j * np.deg2rad(angle))
            corners = np.array([0, width, width + 1j * height, 1j * height]) - 1j * descent
            corners = (corners * turn).conj() + complex(x, y)
            boxes.append((s, np.stack([corners.real, corners.imag], axis=1)))

    width, height = figure.bbox.size
    listener: Any = Listener(width, height, figure.dpi)
    measure = listener.get_text_width_height_descent
    figure.draw(listener)
    return [(s, box) for s, box in boxes if s.strip()]


def overlapping_texts(figure: Figure) -> list[tuple[str, str]]:
    """The pairs of drawn texts whose boxes intersect by more than a pixel."""
    boxes = text_boxes(figure)
    return [(s, t) for i, (s, a) in enumerate(boxes) for t, b in boxes[i + 1 :] if _intersect(a, b)]


def texts_cut_off(figure: Figure) -> list[str]:
    """The drawn texts that reach beyond the edge of the figure by more than a pixel."""
    size = np.asarray(figure.bbox.size)
    return [s for s, box in text_boxes(figure) if np.any(box < -1) or np.any(box > size + 1)]


def _intersect(a: NDArray[np.float64], b: NDArray[np.float64], least: float = 1.0) -> bool:
    """Whether two rectangles overlap: no edge direction of either one separates them."""
    for corners in (a, b):
        for side in (corners[1] - corners[0], corners[3] - corners[0]):
            along = side / max(float(np.hypot(*side)), 1e-12)
            p, q = a @ along, b @ along
            if min(p.max(), q.max()) - max(p.min(), q.min()) <= least:
                return False
    return True
