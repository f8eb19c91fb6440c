"""Commands of `experiments` in a process of their own: no request worker computes or loads MLflow.

The API waits for them without blocking; a command that takes too long is killed.
"""

import asyncio
import sys
from typing import Final

from configs.code import ROOT

LIMIT_S: Final = 600.0
"""Seconds after which a command is killed."""


class CommandFailed(RuntimeError):
    """The command gave no answer; the message is what it said."""


async def run_experiments_command(*words: str, limit_s: float = LIMIT_S) -> bytes:
    """Return the last line that `python -m experiments WORDS` prints.

    Raises CommandFailed where it prints nothing, or not within `limit_s` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "experiments", *words),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            printed, said = await process.communicate()
    except TimeoutError:
        raise CommandFailed(f"experiments {words[0]}: took more than {limit_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if not printed:
        lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise CommandFailed(lines[-1].removeprefix("error: "))
    return printed.splitlines()[-1]
