"""The fits: logistic regression over n-grams, a small network over embeddings, and how they add up."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]
"""Receives what is being done, and which share of it is done."""

HIDDEN = 384
EPOCHS = 8
_BATCH = 256
_DROPOUT = 0.5
LESSON = 0.5
"""How much of a student's target is what the teacher says; the rest is the label."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """What a part of the work reports, as a share of the whole."""
    return lambda line, share: progress(line, start + share * (end - start))


def balanced(targets: Floats, weights: Floats) -> Floats:
    """Row weights under which a rare category counts as a twentieth of all rows would, so it is not all "no"."""
    positive = (weights * targets).sum(axis=0)
    factor = np.clip(0.05 * weights.sum(axis=0) / np.maximum(positive, 1), 1, 8)
    return np.asarray(weights * np.where(targets > 0, factor, 1), np.float64)


def fit_ngrams(
    matrix: Any, targets: Floats, weights: Floats, *, seed: int, penalty: float, iterations: int,
    progress: Progress,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Minimise the weighted logistic loss of all heads at once, on the columns that occur.

    Returns:
        Weights (dimensions, categories) and bias (categories,).
    """
    from scipy.optimize import minimize

    dimensions = matrix.shape[1]
    counts = np.bincount(matrix.indices, minlength=dimensions)
    used = np.flatnonzero(counts > 1)  # a run seen in one row alone teaches nothing general
    columns = matrix[:, used].astype(np.float32)
    transposed = columns.T.tocsr()
    heads, n = targets.shape[1], len(used)
    shares = balanced(targets, weights) / len(targets)
    rng = np.random.default_rng(seed)
    start = np.concatenate((rng.normal(0, 1e-3, n * heads), np.full(heads, -3.0)))

    def loss(flat: Floats) -> tuple[float, Floats]:
        matrix_part, bias = flat[:-heads].reshape(n, heads), flat[-heads:]
        margin = np.asarray(columns @ matrix_part.astype(np.float32), np.float64) + bias
        value = float(np.sum(shares * (np.logaddexp(0, margin) - targets * margin)))
        error = shares * (1 / (1 + np.exp(-np.clip(margin, -40, 40))) - targets)
        gradient = np.asarray(transposed @ error.astype(np.float32), np.float64) + penalty * matrix_part
        value += 0.5 * penalty * float(np.sum(matrix_part**2))
        return value, np.concatenate((gradient.ravel(), error.sum(axis=0)))

    steps = 0

    def report(_: Floats) -> None:
        nonlocal steps
        steps += 1
        if steps % 10 == 0:
            progress(f"n-grams: step {steps} of at most {iterations}", steps / iterations)

    result = minimize(
        loss, start, jac=True, method="L-BFGS-B", callback=report,
        options={"maxiter": iterations, "maxcor": 8, "ftol": 1e-9, "gtol": 1e-7},
    )  # fmt: skip
    full = np.zeros((dimensions, heads))
    full[used] = result.x[:-heads].reshape(n, heads)
    return full, result.x[-heads:]


def taught(
    lessons: NDArray[np.float32], targets: Floats, weights: Floats, *, seed: int, progress: Progress
) -> tuple[Floats, Floats]:
    """Targets and weights for a student: what a network over a teacher's embeddings says, mixed with the labels.

    Each half of the rows is told what a network says that learnt from the other half, so that it is knowledge
    and not memory. A row that the teacher did not read keeps its labels; one without labels has the lesson alone.

    Args:
        lessons: The teacher's embeddings (n, any); zero where it did not read.
        targets: (n, categories).
        weights: (n, categories), as ``balanced`` makes them.
        seed: As for ``fit_head``.
        progress: Receives what is done.
    """
    read = np.asarray(lessons.any(axis=1), bool)
    labelled = read & weights.any(axis=1)
    half = np.arange(len(lessons)) % 2
    told = np.zeros_like(targets)
    for k in (0, 1):
        learn = labelled & (half != k)
        arrays = fit_head(
            lessons[learn],
            targets[learn],
            weights[learn],
            seed=seed,
            progress=part(progress, k / 2, (k + 1) / 2),
        )
        told[half == k] = 1 / (1 + np.exp(-head_margins(arrays, lessons[half == k]).astype(np.float64)))
    mixed = LESSON * told + (1 - LESSON) * np.where(weights > 0, targets, told)
    least = weights[weights.any(axis=1)].mean() / 2
    return (
        np.where(read[:, None], mixed, targets),
        np.where(read[:, None], np.maximum(weights, least), weights),
    )


def head_margins(arrays: Mapping[str, NDArray[Any]], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds (n, categories), as a network that ``fit_head`` trained gives them for embeddings."""
    hidden = np.maximum(vectors @ arrays["hidden_weights"] + arrays["hidden_bias"], 0)
    return np.asarray(hidden @ arrays["out_weights"] + arrays["out_bias"], np.float32)


def fit_head(
    vectors: NDArray[np.float32], targets: Floats, weights: Floats, *, seed: int,
    progress: Progress,
) -> dict[str, NDArray[np.float32]]:  # fmt: skip
    """Train a network with one hidden layer by AdamW on one thread; same seed, same numbers.

    Args:
        vectors: Embeddings (n, size).
        targets: (n, categories), 0 to 1.
        weights: (n, categories): how much each target counts.
        seed: Of the first weights and the order.
        progress: Receives what is done.

    Returns:
        ``hidden_weights`` (size, hidden), ``hidden_bias``, ``out_weights`` (hidden, categories), ``out_bias``.
    """
    import torch
    from torch import nn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    scale = vectors.std(axis=0) + 1e-6
    x = torch.from_numpy(vectors / scale)
    y = torch.from_numpy(targets.astype(np.float32))
    share = torch.from_numpy(weights.astype(np.float32))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        hidden, out = nn.Linear(x.shape[1], HIDDEN), nn.Linear(HIDDEN, y.shape[1])
        net = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(_DROPOUT), out)
        steps = -(-len(x) // _BATCH)
        optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=EPOCHS * steps)
        for epoch in range(EPOCHS):
            order = torch.randperm(len(x), generator=generator)
            for batch in order.split(_BATCH):
                losses = nn.functional.binary_cross_entropy_with_logits(
                    net(x[batch]), y[batch], reduction="none"
                )
                optimizer.zero_grad()
                (losses * share[batch]).sum(dim=1).mean().backward()
                optimizer.step()
                schedule.step()
            progress(f"embeddings: pass {epoch + 1} of {EPOCHS}", (epoch + 1) / EPOCHS)
    torch.set_num_threads(threads)
    return {
        "hidden_weights": (hidden.weight.detach().numpy().T / scale[:, None]).astype(np.float32),
        "hidden_bias": hidden.bias.detach().numpy(),
        "out_weights": out.weight.detach().numpy().T.astype(np.float32),
        "out_bias": out.bias.detach().numpy(),
    }


def weighted(joint: NDArray[np.float32], *said: NDArray[Any]) -> NDArray[np.float32]:
    """Calibrated log-odds (n, categories): what models say, each with its factor, and an offset."""
    *factors, offset = joint
    return np.asarray(sum((f * m for f, m in zip(factors, said, strict=True)), offset), np.float32)


def calibrate(positive: NDArray[np.bool_], margins: Floats, weights: Floats) -> Floats:
    """Factors and offset of the sigmoid that maps margins to probabilities (Newton, weighted; Platt's method).

    Args:
        positive: (n,).
        margins: (n, k): what k models say.
        weights: (n,).

    Returns:
        (k + 1,): a factor for each model, then the offset.
    """
    n, k = margins.shape
    solution = np.append(np.full(k, 1 / k), 0.0)
    # Platt's targets: never exactly 0 or 1, so a separable set does not run away.
    n_positive, n_negative = float(positive.sum()), float((~positive).sum())
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    design = np.concatenate((margins, np.ones((n, 1))), axis=1)

    def loss(at: Floats) -> float:
        odds = design @ at
        return float(weights @ (np.logaddexp(0, odds) - target * odds))

    for _ in range(100):
        probability = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weights * (probability - target))
        curvature = (design * (weights * probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-6 * np.eye(k + 1), gradient)
        allowed = loss(solution) * (1 + 1e-9)  # beyond rounding
        while loss(solution - step) > allowed:
            step /= 2  # where nearly all is certain, a whole step leads anywhere
        solution = solution - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return solution
