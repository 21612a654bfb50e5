"""The demonstration's model; run as a program it waits for scripts on ``POST /ctl/NAME``:

python tests/agents/scripted_model.py --port 8765
"""

from __future__ import annotations

import argparse
import threading

from watchkeeper.demo.scripted_model import Received, ScriptedModel, Step

__all__ = ["Received", "ScriptedModel", "Step"]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765)
    with ScriptedModel(parser.parse_args().port) as running:
        print(f"a scripted model listens on 127.0.0.1:{running.port}", flush=True)
        threading.Event().wait()
