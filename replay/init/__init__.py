"""What ``replay init`` drafts: a config from some logged rows, and from what a checkpoint says or shows of itself."""

from replay.init.draft import draft
from replay.init.guesses import Draft

__all__ = ["Draft", "draft"]
