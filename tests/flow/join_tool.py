"""tests/operators/join_cases_tool: cases for the join, in memory."""

import json
import os
import pathlib
import subprocess

BUILD = pathlib.Path(os.environ.get("ISOTOPE_BUILD", "build/release"))
TOOL = BUILD / "tests/operators/join_cases_tool"


class JoinTool:
    def __init__(self):
        self.process = subprocess.Popen([str(TOOL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, case):
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the tool ended: its message is on standard error"
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()
