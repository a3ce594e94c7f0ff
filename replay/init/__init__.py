"""What ``replay init`` drafts: a config from a table's schema and a checkpoint's signature."""

from replay.init.draft import draft

__all__ = ["draft"]
