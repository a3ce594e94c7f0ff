"""What columns are called: patterns over normalised names, in each role the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from replay.init.leaves import Kind, Leaf

ROW_ID = (r"row_id", r"impression_id|impression_uuid", r"event_id|record_id|log_id|uuid")
REQUEST = (r"request_id", r"(\w+_)?(request|req)_(id|uuid)", r"(auction|bid|query|search|ranking)_(id|uuid)")
ITEM = (
    r"item_id",
    r"(candidate|ad|doc|document|product|listing|content|video|pin|post|creative|movie|news|book|song)_id",
    r"\w+_item_id",
    r"(item|movie|video|product|ad)_idx",
)
GROUP = (*REQUEST, r"(session|page_view|pageview|slate)_(id|uuid)")
ENTITY = (
    r"user_id",
    r"(member|customer|viewer|visitor|account|profile|buyer)_id",
    r"uid|user|\w+_user_id|user_idx",
    r"device_id",
)
TIME = (
    r"event_time(stamp)?",
    r"(request|serving|served|impression|score|scored|log)_(time|timestamp|ts|at)",
    r"timestamp|ts|time|datetime",
    r"event_(ts|at|date|ms|us|ns)|(\w+_)?(time|timestamp|ts|at)(_(ms|us|ns|s|sec))?",
)
SCORE = (
    r"online_(score|prediction|pctr|probability)",
    r"(served|serving|logged|production|prod|model)_(score|prediction|pctr|probability)",
    r"score|prediction|pred|pctr|pcvr|p_ctr|p_cvr|y_pred|y_score",
    r"predicted_\w+|pred_\w+|(ctr|cvr|click)_(prediction|pred|score)|probability|prob",
    r"\w+_(prediction|pctr|pcvr)",
    r"propensity_score|propensity",
)
LABEL = (
    r"label",
    r"(is_)?click(ed)?|(is_)?(converted|conversion)|(is_)?purchased?",
    r"target|outcome|y|y_true",
    r"\w+_label|label_\w+",
    r"(is_)?(liked?|installed?|bought|watched|engaged|viewed)|rating|stars|income",
)
WEIGHT = (r"(sample|importance|example|row|label)_weight", r"weight")
SERVED_BY = (r"served_by|(model|checkpoint)_(version|name|id)|checkpoint|model",)
SEGMENT = re.compile(
    r"(\w+_)?(surface|country|region|market|locale|language|lang|device|device_type|platform|os|browser|app|page|page_type|"
    r"placement|slot|channel|campaign|policy|tier|cohort|experiment|bucket|traffic_source|source|gender|vertical)"
)
EXPOSURE = re.compile(r"(\w+_)?(position|rank|index_in_page|slot_index)")
"""How an item was shown is logged beside the features, but serving does not know it when it scores."""
_ANOTHER_SCORE = re.compile(
    r"(\w+_)?(score|prediction|pred|pctr|pcvr|prob|probability|logit|logits)(_?v?\d+)?|p_?(ctr|cvr)(_?v?\d+)?|y_(pred|score|hat)"
)
_FEATURE_SCORE = re.compile(r"(match|quality|relevance|similarity|credit|bm25|trust|risk)_score")


def named(patterns: Iterable[str], columns: Iterable[Leaf], kinds: tuple[Kind, ...]) -> Iterator[str]:
    """Columns whose names a pattern matches, those of earlier patterns first, then in the schema's order."""
    fitting = [column for column in columns if column.kind in kinds]
    for pattern in patterns:
        yield from (column.name for column in fitting if re.fullmatch(pattern, last_words(column)))


def last_words(column: Leaf) -> str:
    """A struct's field is known by its own name, whatever the struct is called."""
    return Leaf(column.name.rsplit(".", 1)[-1], column.kind).words


def is_score_like(column: Leaf) -> bool:
    """Whether a number's name is that of what a model answered, and not of what is known of an item.

    >>> [is_score_like(Leaf(name, "float")) for name in ("score_v2", "logit", "match_score", "price")]
    [True, True, False, False]
    """
    words = last_words(column)
    return _FEATURE_SCORE.fullmatch(words) is None and _ANOTHER_SCORE.fullmatch(words) is not None


def is_label_like(column: Leaf) -> bool:
    """Whether a name is that of what happened after a request."""
    return any(re.fullmatch(pattern, last_words(column)) for pattern in LABEL)


def is_exposure(column: Leaf) -> bool:
    """Whether a name says how an item was shown."""
    return EXPOSURE.fullmatch(column.words) is not None
