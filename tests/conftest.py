"""For all tests."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that starts a command in the background has it ignore Ctrl-C, and children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
