"""Runs commands of `experiments` in a subprocess: no request worker computes or loads MLflow.

The API waits for them without blocking; a command is killed at its timeout.
"""

import asyncio
import sys
from typing import Final

from configs.code import ROOT

LIMIT_S: Final = 600.0
"""Seconds after which a command is killed."""


class CommandFailed(RuntimeError):
    """The command printed no result; the message is its last line on stderr."""


async def run_experiments_command(*arguments: str, limit_s: float = LIMIT_S) -> bytes:
    """Return the last line that `python -m experiments ARGUMENTS` prints.

    Raises CommandFailed if it prints nothing, or does not end within `limit_s` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "experiments", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            output, error_output = await process.communicate()
    except TimeoutError:
        raise CommandFailed(f"experiments {arguments[0]}: took more than {limit_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if not output:
        lines = error_output.decode(errors="replace").strip().splitlines() or ["no error message"]
        raise CommandFailed(lines[-1].removeprefix("error: "))
    return output.splitlines()[-1]
