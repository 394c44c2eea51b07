"""A real Alertmanager for one test, which tells a webhook of what it is told."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request


class Alertmanager:
    """Stopped and started again it has the same address, and nothing but what it wrote when it was stopped."""

    def __init__(self, hook_url):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="isotope-alertmanager-"))
        self.address = "127.0.0.1:0"
        self.process = None
        (self.directory / "config.yaml").write_text(f"""
route: {{receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: 100ms, repeat_interval: 1h}}
receivers:
  - name: hook
    webhook_configs: [{{url: "{hook_url}", send_resolved: true}}]
""")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.stop()
        shutil.rmtree(self.directory)

    @property
    def url(self):
        return f"http://{self.address}"

    def start(self):
        self.process = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={self.directory}/config.yaml",
             f"--storage.path={self.directory}/data", f"--web.listen-address={self.address}",
             "--cluster.listen-address="], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            listening = re.search(r'msg="Listening on" address=(\S+)', line)
            if listening:
                self.address = listening[1]
                return self
        raise AssertionError("prometheus-alertmanager did not start")

    def stop(self):
        self.process.terminate()
        self.process.communicate()
        self.process = None

    def alerts(self):
        """Those that fire, by name."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=30) as response:
            return {alert["labels"]["alertname"]: alert for alert in json.load(response)}
