"""The commands, a file each: parse, call one function of the library, print what it returns."""

from replay.cli.commands.audit import audit
from replay.cli.commands.backfill import backfill
from replay.cli.commands.completion import completion
from replay.cli.commands.contract import contract
from replay.cli.commands.demo import demo
from replay.cli.commands.diagnose import diagnose
from replay.cli.commands.gate import gate
from replay.cli.commands.init import init
from replay.cli.commands.inspect import inspect
from replay.cli.commands.report import report
from replay.cli.commands.row import row
from replay.cli.commands.run import run
from replay.cli.commands.validate import validate
from replay.cli.commands.verify import verify

COMMANDS = (
    demo,
    init,
    inspect,
    validate,
    run,
    diagnose,
    audit,
    gate,
    backfill,
    verify,
    row,
    contract,
    report,
    completion,
)
