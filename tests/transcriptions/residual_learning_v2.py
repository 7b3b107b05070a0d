"""RF25 (10), p. 7, (14), p. 8, and (15), p. 9, typed from the pages.

The transfer of (15) happens where an element of H exceeds Δw_min (p. 9, below (15)), which is read
element by element and by its size.  RF25 prints one β for the filter (14) and the transfer (15).
"""

import numpy as np


def trajectory(P, W, H, grad_f, noises, F_P, G_P, F, G, alpha, beta, gamma, dw_min):
    """(P_k, W_k, H_k) for k = 0, 1, …; `noises` yields gradient and read noise."""
    yield P, W, H
    for xi, eps in noises:
        grad = grad_f(W + gamma * P) + xi
        P = P - alpha * grad * F_P(P) - alpha * abs(grad) * G_P(P)
        H = (1 - beta) * H + beta * (P + eps)
        W = np.where(abs(H) > dw_min, W + beta * H * F(W) - beta * abs(H) * G(W), W)
        yield P, W, H
