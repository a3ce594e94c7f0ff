"""An audit in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.report.summary.audits import AuditSummary, BackfillGain, DifferenceCost, FeatureAudit, ScheduleSummary
from replay.report.words.numbers import count, interval_text, number, percent, seconds, signed

_MOST_NAMES = 3

KIND_WORDS = {
    "not_served": "not served",
    "null": "null",
    "default": "a default",
    "type": "another type",
    "cast": "a cast",
    "unit": "another unit",
    "older": "older values",
    "newer": "newer values",
    "order": "another order",
    "cut": "a cut list",
    "vocabulary": "another vocabulary",
    "shifted": "shifted",
    "other": "other values",
}


def kind_details(details: Mapping[str, Any]) -> str | None:
    """What else is known of a kind, in words; None for nothing.

    >>> kind_details({"factor": 100.0}), kind_details({})
    ('its values are 100 times those here', None)
    """
    if "slices" in details:
        return None if details["slices"] == ["all"] else f"no value in {_some(details['slices'])}"
    if "status" in details:
        return f"with status {details['status']}"
    if "value" in details:
        return f"it is {details['value']}"
    if "dtype" in details:
        return f"what {details['dtype']} leaves of the values here"
    if "factor" in details:
        return f"its values are {number(details['factor'], 6)} times those here"
    if "term" in details:
        term = details["term"]
        return f"its values are those here {'plus' if term > 0 else 'less'} {number(abs(term), 6)}"
    if "longest" in details:
        return f"at most {details['longest']} elements"
    return None


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def difference_text(feature: FeatureAudit, rows: str = "") -> str:
    """How a feature differs.

    Args:
        feature: The feature.
        rows: In how many rows, such as `` in 3% of the rows``.

    >>> from replay.report.summary.audits import DifferenceCost, Sides
    >>> cost = DifferenceCost(0.0)
    >>> difference_text(FeatureAudit("I1", None, True, "older", Sides(1.0, 1.0), 0.1, False, cost, 10800.0))
    'older values, by 3 h'
    """
    words = KIND_WORDS.get(feature.kind, feature.kind)
    if feature.lag_seconds is not None:
        return f"{words}, by {seconds(feature.lag_seconds)}{f',{rows}' if rows else ''}"
    return f"{words}{rows}" if feature.details is None else f"{words}{rows}: {feature.details}"


def audit_sentence(name: str, audit: AuditSummary) -> str:
    """The audit in one sentence: how many features differ, and how many of them matter."""
    differ, matter = len(audit.features), len(audit.alarms)
    if not differ:
        return f"{name}: none of {count(audit.features_compared)} features differs from {audit.against}."
    start = f"{name}: {_differing(differ, audit)}"
    unknown = sum(each.cost.mean_abs is None for each in audit.features)
    if unknown == differ:
        return f"{start}; {'its cost' if differ == 1 else 'what they cost'} could not be measured."
    if not matter and unknown:
        return f"{start}; {count(unknown)} could not be costed, and none of the others costs more than it may."
    if not matter:
        return f"{start}, and none costs more than it may."
    worst = audit.alarms[0]
    return (
        f"{start}, {count(matter)} matter{'s' if matter == 1 else ''}; {worst.feature} most ({difference_text(worst)})."
    )


def _differing(number_of: int, audit: AuditSummary) -> str:
    """That so many features differ."""
    if audit.joined:
        how = f"{'differs' if number_of == 1 else 'differ'} from"
    else:
        how = f"{'is' if number_of == 1 else 'are'} distributed otherwise than in"
    return f"{count(number_of)} of {count(audit.features_compared)} features {how} {audit.against}"


def mattering_sentence(audits: Mapping[str, AuditSummary]) -> str | None:
    """What matters most among all audits, in one sentence; None where nothing does."""
    alarmed = [audit for audit in audits.values() if audit.alarms]
    if not alarmed:
        return None
    first, others = alarmed[0], alarmed[1:]
    alarms = first.alarms
    matter = "matters" if len(alarms) == 1 else "matter"
    told = ", ".join(f"{each.feature} ({difference_text(each)})" for each in alarms[:_MOST_NAMES])
    more = f" and {count(len(alarms) - _MOST_NAMES)} more" if len(alarms) > _MOST_NAMES else ""
    also = f" Features matter against {_some([each.against for each in others])} too." if others else ""
    return f"{_differing(len(alarms), first)} and {matter}: {told}{more}.{also}"


def explains_sentence(audit: AuditSummary) -> str | None:
    """How many of the online mismatches the differences explain; None where there is none."""
    found = audit.explains_mismatches
    if found.value is None:
        return None
    return (
        f"With the values of {audit.against}, {percent(found.value)} of the {count(found.rows)} rows that online "
        "scored otherwise give what online answered."
    )


def together_sentence(audit: AuditSummary) -> str | None:
    """What several differences cost at once, all and by family; None where there is one, or where it is not known."""
    if len(audit.features) < 2 or audit.together.mean_abs is None:
        return None
    known = [(family, cost) for family, cost in audit.families.items() if cost.mean_abs is not None]
    parts = [f"{family}: {cost_text(cost)}" for family, cost in known[:_MOST_NAMES]]
    return "; ".join([f"All at once: {cost_text(audit.together)}", *parts]) + "."


def cost_text(cost: DifferenceCost) -> str:
    """What a difference costs.

    >>> cost_text(DifferenceCost(0.25)), cost_text(DifferenceCost(None, reason="it was not replayed"))
    ('the score changes by 0.25', 'cost not measured: it was not replayed')
    """
    if cost.mean_abs is None:
        return f"cost not measured: {cost.reason or 'no row has a score both ways'}"
    score = f"the score changes by {number(cost.mean_abs, 3)}"
    ne = cost.ne_increase
    if ne is None or ne.value is None:
        return score
    interval = interval_text(ne.low, ne.high)
    return f"NE {signed(ne.value, 3)}{f' ({interval})' if interval else ''}, {score}"


def leakage_sentence(audit: AuditSummary) -> str | None:
    """What the other table knows too early; None where that was not looked for.

    Where nothing was found it says so.
    """
    found = audit.leakage
    if found is None:
        return None
    parts = []
    if found.from_future:
        where = f" ({_some(found.from_future_features)})" if found.from_future_features else ""
        parts.append(f"{count(found.from_future)} values are later than their event{where}")
    if found.newer:
        parts.append(f"{_some(found.newer)} hold{'s' if len(found.newer) == 1 else ''} values of a later time")
    if found.label_dependence.features:
        named = _some(found.label_dependence.features)
        parts.append(f"whether {named} differs depends on the label (z = {number(found.label_dependence.z, 3)})")
    if not parts:
        return "Leakage: none of the three tests found any."
    return f"Leakage: {'; '.join(parts)}.{_gain(found.gain_from_backfill)}"


def _gain(gain: BackfillGain | None) -> str:
    if gain is None or gain.ne_decrease.value is None or gain.auc_increase.value is None:
        return ""
    return (
        f" With all its values NE changes by {signed(-gain.ne_decrease.value, 3)}, and AUC by "
        f"{signed(gain.auc_increase.value, 3)}."
    )


def schedule_sentence(schedule: ScheduleSummary, against: str) -> str:
    """When values land that are computed once a day, and how old they are until then.

    >>> schedule_sentence(ScheduleSummary("here", ("clicks_7d",), 3, 0, 24, 0.99), "served")
    'clicks_7d is computed at about 03:00 UTC, up to 24 h old; before that hour its values are of the day before.'
    """
    one = len(schedule.features) == 1
    whose = {"here": "", "there": f" in {against}", "both": f", here and in {against}"}[schedule.side]
    where = f", in {_some(schedule.slices)}" if schedule.slices else ""
    old = f"{schedule.youngest_hours} to " if schedule.youngest_hours else "up to "
    before = f"; before that hour {'its' if one else 'their'} values are of the day before" if schedule.hour else ""
    computed = f"{_some(schedule.features)} {'is' if one else 'are'} computed at about {schedule.hour:02d}:00 UTC"
    return f"{computed}{whose}{where}, {old}{schedule.oldest_hours} h old{before}."
