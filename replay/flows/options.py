"""What the command line decides beside the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.errors.secrets import is_secret


@dataclass(frozen=True)
class Options:
    """What the command line decides beside the config.

    Attributes:
        master: Spark master for a session that is started here.
        conf: Spark settings for it.
        allow_pickle: Checkpoints may be pickled modules.
        allow_non_finite: Checkpoints may hold NaN or Inf.
        strict: A checkpoint that was stamped with another contract than the config's is refused, not warned of.
    """

    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    allow_pickle: bool = False
    allow_non_finite: bool = False
    strict: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """As arguments of a command that is to read what this run read; settings that hold a secret are left out.

        >>> Options(allow_pickle=True, conf={"spark.sql.ansi.enabled": "true", "spark.my.password": "x"}).flags
        ('--allow-pickle', '--conf', 'spark.sql.ansi.enabled=true')
        """
        given = {"--allow-pickle": self.allow_pickle, "--allow-non-finite": self.allow_non_finite}
        settings = [f"{key}={value}" for key, value in self.conf.items() if not is_secret(key)]
        return (
            *(flag for flag, is_given in given.items() if is_given),
            *(part for setting in settings for part in ("--conf", setting)),
        )
