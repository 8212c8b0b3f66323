"""Records which function of a folder's sources ran when, as a Chrome trace: the events that torch.profiler writes, too."""

import json
import os
import sys
import time


def recorded(path, folder, work):
    """Calls work(), writes the trace to path, and returns what work() gave."""
    events, open_calls = [], []

    def profile(frame, what, _):
        code = frame.f_code
        if os.path.dirname(os.path.abspath(code.co_filename)) != folder:
            return
        now = time.perf_counter_ns()
        if what == "call":
            open_calls.append(now)
        elif what == "return" and open_calls:
            begun = open_calls.pop()
            name = f"{os.path.basename(code.co_filename)}({code.co_firstlineno}): {code.co_name}"
            events.append({"ph": "X", "cat": "python_function", "name": name, "pid": 1, "tid": 1,
                           "ts": begun / 1000, "dur": (now - begun) / 1000})

    sys.setprofile(profile)
    try:
        result = work()
    finally:
        sys.setprofile(None)
    with open(path, "w") as file:
        json.dump({"traceEvents": events}, file)
    return result
