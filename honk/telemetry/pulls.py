"""Figures of the pull requests that runs opened, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

from honk.core.fates import Fate, Key

Fates = Callable[[], Mapping[Key, Fate]]

HOUR = 3600.0
BUCKETS = tuple(HOUR * hours for hours in (1, 4, 12, 24, 72, 168, 720))
"""Seconds: up to a day, three days, a week, a month."""


def families(
    pulls: Mapping[Key, str], fates: Mapping[Key, Fate]
) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
    """``pulls``: the forge of each that a run opened. Gauges: a closed one may be opened again."""
    states: Counter[tuple[str, str]] = Counter()
    reverted: Counter[str] = Counter()
    durations, seconds = [0] * (len(BUCKETS) + 1), 0.0
    for pull, forge in pulls.items():
        fate = fates.get(pull)
        states[forge, "unknown" if fate is None else fate.state] += 1
        if fate is None:
            continue
        reverted[forge] += bool(fate.reverted_by)
        if fate.merge_seconds is not None:
            durations[bisect_left(BUCKETS, fate.merge_seconds)] += 1
            seconds += fate.merge_seconds
    told = "Pull requests that runs opened, by what became of them as far as that is known."
    opened = GaugeMetricFamily("honk_pull_requests", told, labels=["forge", "state"])
    for labels, count in sorted(states.items()):
        opened.add_metric(labels, count)
    yield opened
    told = "Merged ones on GitHub that were taken back."
    yield GaugeMetricFamily("honk_pull_requests_reverted", told, value=reverted["github"])
    told = "From a pull request's opening to its merge."
    yield histogram("honk_merge_seconds", told, BUCKETS, durations, seconds)


def histogram(
    name: str, told: str, limits: Sequence[float], counts: Sequence[int], seconds: float
) -> HistogramMetricFamily:
    """``counts``: how many were up to each limit but above the one before; the last, above all."""
    upto = map(float, accumulate(counts))
    buckets = list(zip([*map(str, limits), "+Inf"], upto, strict=True))
    return HistogramMetricFamily(name, told, buckets=buckets, sum_value=seconds)
