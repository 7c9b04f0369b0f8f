"""Become an unprivileged server process that does not outlive its parent. Run as a script.

Arguments: the parent's process id, the signal for the day the parent dies, the id of the user and
group to become (0: stay who we are), then the command. A script and not `preexec_fn`, because
forking Python code in a process with threads is unsafe.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, signal: int, account: int, command: list[str]) -> None:
    """Drop privileges, bind our life to the parent's, and become the command."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux only; macOS has no such call.
    if account:
        os.setgroups([])
        os.setgid(account)
        os.setuid(account)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal)  # After setuid, which clears it.
        if os.getppid() != parent:
            sys.exit("The parent died before its server was started.")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
