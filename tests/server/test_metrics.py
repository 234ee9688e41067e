from __future__ import annotations

from vultus.server.metrics import BUCKETS, Metrics


def test_nothing_counted() -> None:
    assert Metrics().render() == "\n"
    assert Metrics().value("vultus_requests_total", route="/") == 0


def test_the_text_format() -> None:
    metrics = Metrics()
    metrics.count("vultus_requests_total", route="/v1/detect", code="200")
    metrics.count("vultus_requests_total", by=2, route="/v1/detect", code="200")
    metrics.count("vultus_requests_total", route='with "quotes" \\ and\nline', code="404")
    metrics.observe("vultus_request_seconds", 0.003, route="/")
    metrics.observe("vultus_request_seconds", 99, route="/")
    metrics.gauge("vultus_queue_depth", lambda: 7)
    lines = metrics.render().splitlines()
    assert 'vultus_requests_total{code="200",route="/v1/detect"} 3' in lines
    assert 'vultus_requests_total{code="404",route="with \\"quotes\\" \\\\ and\\nline"} 1' in lines
    assert 'vultus_request_seconds_bucket{route="/",le="0.0025"} 0' in lines
    assert 'vultus_request_seconds_bucket{route="/",le="0.005"} 1' in lines
    assert 'vultus_request_seconds_bucket{route="/",le="+Inf"} 2' in lines
    assert 'vultus_request_seconds_sum{route="/"} 99.003000' in lines
    assert 'vultus_request_seconds_count{route="/"} 2' in lines
    assert "vultus_queue_depth 7" in lines
    assert [line for line in lines if line.startswith("# TYPE")] == [
        "# TYPE vultus_requests_total counter",
        "# TYPE vultus_request_seconds histogram",
        "# TYPE vultus_queue_depth gauge",
    ]
    assert sum("_bucket{" in line for line in lines) == len(BUCKETS) + 1


def test_values_on_the_bound_belong_to_it() -> None:
    metrics = Metrics()
    metrics.observe("t", 0.01)
    assert 't_bucket{le="0.01"} 1' in metrics.render()
    assert 't_bucket{le="0.005"} 0' in metrics.render()


def test_what_several_shared_counts_for_each() -> None:
    metrics = Metrics()
    metrics.observe("vultus_stage_seconds", 0.02, times=3, stage="detect")
    assert metrics.value("vultus_stage_seconds", stage="detect") == 3
    lines = metrics.render().splitlines()
    assert 'vultus_stage_seconds_sum{stage="detect"} 0.060000' in lines
    assert 'vultus_stage_seconds_bucket{stage="detect",le="0.01"} 0' in lines
    assert 'vultus_stage_seconds_bucket{stage="detect",le="0.025"} 3' in lines


def test_stages_are_timed() -> None:
    metrics = Metrics()
    with metrics.stage("search"):
        pass
    assert metrics.value("vultus_stage_seconds", stage="search") == 1
