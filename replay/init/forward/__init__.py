"""What forward() takes: as the file says, or found by calling the module that a factory builds."""

from replay.init.forward.arguments import Argument, ForwardCall
from replay.init.forward.described import described_call
from replay.init.forward.factory import called_factory

__all__ = ["Argument", "ForwardCall", "called_factory", "described_call"]
