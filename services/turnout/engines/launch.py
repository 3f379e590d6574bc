"""Start a program that dies with its parent: `python launch.py PARENT_PID PROGRAM [ARGUMENT ...]`.

Rules: standard library only, run by path with `-I -S`, so that it costs some 15 ms and works whatever
the environment; it never returns, the program takes its place and its process id.

PR_SET_PDEATHSIG survives execve for programs that gain no privileges, which our engines do not. The
alternative, a `preexec_fn`, runs Python between fork and exec in a threaded process and can deadlock.
The signal is SIGKILL: the engines are built to be killed, and a successor that starts at once must
find the ports free.
"""

import ctypes
import os
import signal
import sys

# From <linux/prctl.h>; the standard library has no name for it.
PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    parent_pid, program = int(argv[1]), argv[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    # The parent may have died before prctl took effect; nobody would then ever stop the program.
    if os.getppid() != parent_pid:
        sys.exit("the parent process is gone")
    os.execv(program[0], program)  # noqa: S606  (argv is built by the supervisor, no shell)


if __name__ == "__main__":
    main(sys.argv)
