"""The rough look at every row and the exact scores of what it leaves; why the answer is exact.

The score of a row v for a query q is *defined* as the float32 nearest to the sum of v_j q_j taken
in float64. The products are exact there, so the order of summation leaves at most D / 2 units in
the 53rd bit, and the score of a row does not depend on the rows beside it, on the batch, on the
number of threads or on the precision of the rough pass.

The rough pass gives for each row an interval that holds its score:

* bytes: the bound (1) of `quantise`, and `_SLACK` for the float32 arithmetic on numbers up to
  1.002^2 (three operations of relative error 2^-24 each) and for the rounding of the score;
* float32: |error| <= D u / (1 - D u) |v| |q| with u = 2^-24, in whatever order the sum is taken
  (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1), and `_SLACK`.

Let `floor` be the k-th greatest lower end among the rows seen so far. At least k rows score
`floor` or more, so a row whose upper end is below `floor` is not among the best k, not even by a
tie; every other row is kept and scored from the truth. For people, `floor` is the k-th greatest
among each person's greatest lower end: at least k people reach it, so the deciding template of
each of the best k is kept; and a person of whom only a lesser template is kept scores below
`floor` and cannot displace one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.quantise import LONGEST, codes_of, dots
from vultus.gallery.race import Race
from vultus.gallery.rows import Stretch
from vultus.types import Vector

__all__ = ["bytes_pass", "float_pass", "settle"]

_SLACK = 2.0**-20  # see above: 2^-24 a few times over
_SETTLED = 4096  # rows scored from the truth at once, in float64


def bytes_pass(query: Vector, race: Race) -> Callable[[Stretch], None]:
    """What a thread does with a stretch of rows that have bytes."""
    coded = codes_of(query[None])
    step = float(coded.scales[0])  # t
    weight = np.float32(math.sqrt(float((coded.codes.astype(np.float64) ** 2).sum())))  # |d|
    # upper ends come in units of t, s (c.d) + |e| |d|, without the part that is the same for all rows
    common = LONGEST * float(coded.rests[0]) + _SLACK

    def look(stretch: Stretch) -> None:
        part = slice(stretch.start, stretch.stop)
        rows = stretch.block.codes
        upper = dots(coded.codes, rows.codes[part])
        upper *= rows.scales[part]
        spread = rows.rests[part] * weight
        upper += spread
        race.sift(stretch, upper, step=step, common=common, spread=spread)

    return look


def float_pass(queries: Vector, races: Sequence[Race]) -> Callable[[Stretch], None]:
    """What is done with a stretch of rows for several queries at once: one float32 product."""
    unit = queries.shape[1] * 2.0**-24
    common = unit / (1 - unit) * LONGEST**2 + _SLACK

    def look(stretch: Stretch) -> None:
        scores = queries @ stretch.block.truth[stretch.start : stretch.stop].T  # (q, rows)
        for upper, race in zip(scores, races, strict=True):
            race.sift(stretch, upper, common=common)

    return look


def settle(query: Vector, race: Race) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector, int]:
    """Score what the rough look left from the truth, and rank it.

    Ids, people and scores, best first, and the number of rows that were scored.
    """
    ids, people, scores = [], [], []
    exact = query.astype(np.float64)
    for block, rows in race.left():
        for start in range(0, len(rows), _SETTLED):
            part = rows[start : start + _SETTLED]
            # a sum along each row, not a BLAS product: its order must not depend on the rows beside it
            scores.append((block.truth[part].astype(np.float64) * exact).sum(axis=1).astype(np.float32))
            ids.append(block.ids[part])
            people.append(block.people[part])
    if not ids:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), 0
    number, owner, score = np.concatenate(ids), np.concatenate(people), np.concatenate(scores)
    order = np.lexsort((number, -score))
    if race.by_person:
        _, first = np.unique(owner[order], return_index=True)
        order = order[first]
        order = order[np.lexsort((owner[order], -score[order]))]
    order = order[: race.k]
    return number[order], owner[order], score[order], len(number)
