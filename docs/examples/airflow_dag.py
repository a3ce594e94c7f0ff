"""An hourly replay under Airflow 3: each hour is a run of its own, and what may go well next time is tried again."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.timetables.trigger import CronTriggerTimetable

CONFIG = "/etc/replay/hourly.yaml"
FINAL = {1: "a gate did not pass", 2: "the config, or what the output holds, is refused", 3: "the input is refused"}


def command(triggered: datetime) -> list[str]:
    """Replay the last full hour before a run was due: the same one whenever it is tried."""
    end = triggered.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    window = f"traffic.window={{start: {end - timedelta(hours=1):%Y-%m-%dT%H:%MZ}, end: {end:%Y-%m-%dT%H:%MZ}}}"
    return ["replay", "gate", CONFIG, "--set", window, "--json"]


def outcome(code: int, answer: str) -> str:
    """Say how it ended; what would end alike again is not tried again."""
    if code == 0:
        return json.loads(answer)["run_id"]
    if code in FINAL:
        raise AirflowFailException(f"replay ended with {code}: {FINAL[code]}")
    raise AirflowException(f"replay ended with {code}: tried again, it goes on from what was committed")


@dag(
    schedule=CronTriggerTimetable("15 * * * *", timezone="UTC"),
    start_date=datetime(2026, 11, 20, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["replay"],
)
def hourly_replay() -> None:
    """One task, which ends as ``replay gate`` does."""

    @task
    def replay_hour() -> str:
        context = get_current_context()
        triggered = context.get("data_interval_end") or context["dag_run"].run_after
        done = subprocess.run(command(triggered), stdout=subprocess.PIPE, text=True, check=False)
        return outcome(done.returncode, done.stdout)

    replay_hour()


hourly_replay()
