"""Whether covariates can be told apart by a model: numbers, varying, not sums of one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.outcomes import Floats

__all__ = ["check_covariates", "refuse_unfit"]

_DEPENDENT = 1e-7  # share of a column that the others leave unexplained


def check_covariates(x: ArrayLike, names: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
    """Covariates (n, p) and the names of their columns, x1, x2, ... where none are given.

    Refused (InputError): no column, text (with its levels), NaN or infinity, names that do
    not fit or come twice.
    """
    table = np.asarray(x)
    if table.ndim != 2 or not table.size:
        raise InputError(f"covariates: expected a row a person and a column a covariate, got shape {table.shape}")
    labels = tuple(f"x{number}" for number in range(1, table.shape[1] + 1)) if names is None else tuple(names)
    if len(labels) != table.shape[1] or len(set(labels)) != len(labels):
        raise InputError(
            f"covariates: expected a name of its own for each column, got {table.shape[1]} columns "
            f"and {', '.join(labels)}"
        )
    columns = [_numbers(table[:, at], name) for at, name in enumerate(labels)]
    return np.stack(columns, axis=1), labels


def refuse_unfit(x: Floats, names: tuple[str, ...]) -> None:
    """Refuse (InputError) a constant column, or one that is a sum of columns before it.

    x: (n, p), the rows that say something about the coefficients.
    """
    centred = x - x.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    kept: list[Floats] = []
    for at, name in enumerate(names):
        if size[at] <= _DEPENDENT * max(1.0, float(np.linalg.norm(x[:, at]))):
            raise InputError(
                f"{name}: expected a covariate that varies among those at risk, it is constant; leave it out"
            )
        rest = centred[:, at] / size[at]
        for _ in range(2):  # once more, for what rounding left behind
            for one in kept:
                rest = rest - (one @ rest) * one
        left = float(np.linalg.norm(rest))
        if left < _DEPENDENT:
            raise InputError(
                f"{name}: expected a covariate of its own, it is a sum of {', '.join(names[:at])}; "
                "leave it out or set ridge (say 1)"
            )
        kept.append(rest / left)


def _numbers(column: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str) -> Floats:
    try:
        values = column.astype(np.float64)
    except (TypeError, ValueError):
        levels = sorted({str(value) for value in column.tolist()})
        shown = ", ".join(levels[:10]) + (", ..." if len(levels) > 10 else "")
        raise InputError(
            f"{name}: expected numbers, got categories ({shown}); make a 0/1 column of each level but one"
        ) from None
    if not np.isfinite(values).all():
        raise InputError(
            f"{name}: expected finite numbers, {int((~np.isfinite(values)).sum())} are missing or infinite"
        )
    return values
