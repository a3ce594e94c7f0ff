"""The run itself: what was replayed, by what, when."""

from __future__ import annotations

from replay.report.summary.data import ReportData
from replay.report.words.numbers import MISSING, moment, percent, seconds
from replay.report.words.run import rolling_text, tolerance_text, window_text


def about(data: ReportData) -> tuple[tuple[str, str], ...]:
    """What is known of the run, by label."""
    summary = data.summary
    traffic = summary.traffic
    version = None if traffic.delta_version is None else f"version {traffic.delta_version}"
    source = " ".join(part for part in (traffic.format, version) if part)
    listed = [
        ("Traffic", traffic.table or traffic.path or MISSING),
        ("Table", source),
        ("Window", window_text(data)),
        ("Rolling window", rolling_text(traffic.rolling)),
        ("Filter", traffic.where or ""),
        ("Sample", percent(traffic.sample_rate) if traffic.sample_rate else ""),
        ("Tolerance", tolerance_text(summary.tolerance)),
        ("Time bucket", seconds(summary.bucket_seconds) if summary.bucket_seconds else ""),
        ("Noise floor", tolerance_text(summary.noise_floor)),
        ("Run", summary.run_id),
        ("Config", f"sha256 {summary.config_sha256}" if summary.config_sha256 else ""),
        ("Started", f"{moment(summary.started)} UTC" if summary.started else ""),
        ("Finished", f"{moment(summary.finished)} UTC" if summary.finished else ""),
        ("Status", summary.status),
        ("Output", summary.output or ""),
    ]
    return tuple((label, value) for label, value in listed if value)
