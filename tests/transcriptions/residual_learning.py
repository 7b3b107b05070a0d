"""RF25 (10) and (11), p. 7, typed from the page; F_P, G_P belong to the array P, F, G to W."""


def trajectory(P, W, grad_f, noises, F_P, G_P, F, G, alpha, beta, gamma):
    """(P_k, W_k) for k = 0, 1, …."""
    yield P, W
    for eps in noises:
        grad = grad_f(W + gamma * P) + eps
        P = P - alpha * grad * F_P(P) - alpha * abs(grad) * G_P(P)
        W = W + beta * P * F(W) - beta * abs(P) * G(W)
        yield P, W
