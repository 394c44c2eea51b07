"""A topology that tells of alerts, and webhooks to be told: HTTP servers that answer as a test wants them to."""

import base64
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time

from tests.flow.job import ROOT, TIMEOUT_S, Job

SECRET = b"not so secret in a test"
QUICK = {"repeat": "200ms", "backoff_max": "200ms"}

TOPOLOGY = f"""
name: alerting
log: {{type: embedded}}
schemas: {ROOT}/schemas
commit_interval: 20ms
topics:
  alerts: {{schema: alert.avsc, key: alert_id, time: window_start, partitions: 2, cleanup: compact}}
operators:
  sink: {{type: alert_sink, inputs: {{alerts: alerts}}}}
"""


def job_in(directory):
    path = directory / "alerting.yaml"
    path.write_text(TOPOLOGY)
    (directory / "secret").write_text(f"whsec_{base64.b64encode(SECRET).decode()}\n")
    return Job(directory / "data", path)


def arguments_of(directory, **options):
    options = {"webhook_secret_file": directory / "secret", **QUICK, **options}
    return [word for name, value in options.items() if value
            for word in ("--set", f"operators.sink.{name}={value}")]


def now_ms():
    return time.time_ns() // 1_000_000


def alert(name, state="firing", revision=1, starts_at=None, **rest):
    starts_at = starts_at or now_ms() - 60_000
    ends_at = now_ms() if state == "resolved" else None
    return {"name": name, "labels": {"dimension": "all", "value": "all"}, "state": state, "severity": "page",
            "value": 0.25, "threshold": 0.1, "window_start": starts_at, "starts_at": starts_at, "ends_at": ends_at,
            "runbook": f"https://runbooks.example/{name}", "revision": revision,
            "alert_id": f'{name}{{dimension="all",value="all"}}', **rest}


class Request:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.json = json.loads(body)

    @property
    def what(self):
        data = self.json["data"]
        return data["name"], data["state"], data["revision"]

    def signature(self):
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        return "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that is killed in the middle of a request is no news."""


class Webhook:
    """Its address is there from the beginning; connections are refused until it is started."""

    def __init__(self, answer=lambda request: 200):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.url = f"http://{self.address}/hook?token=hidden"
        self.answer = answer
        self.requests = []
        self.changed = threading.Condition()
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.socket.close()

    def start(self, certificate=None, key=None):
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = Request(self.headers, self.rfile.read(int(self.headers["content-length"])))
                status = hook.answer(request)
                with hook.changed:
                    hook.requests.append(request)
                    hook.changed.notify_all()
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = Server(self.socket.getsockname(), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = self.socket
        self.server.server_activate()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, TIMEOUT_S), self.told
            return self.requests

    @property
    def told(self):
        return [request.what for request in self.requests]


class Run:
    """A run that goes on until it is stopped; its log is read meanwhile."""

    def __init__(self, job, *arguments):
        self.process = job.start("run", *arguments)
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.end()

    def read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait_log(self, *words):
        def there():
            return any(all(word in line for word in words) for line in self.lines)
        with self.changed:
            assert self.changed.wait_for(there, TIMEOUT_S), "".join(self.lines)

    def end(self):
        status = self.process.wait(TIMEOUT_S)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def stop(self):
        self.process.terminate()
        assert self.end() == 0, "".join(self.lines)

    def kill(self):
        self.process.kill()
        self.end()


def state_of(job):
    lines = job.call("state", "sink").stdout.splitlines()
    return {entry["value"]["name"]: entry["value"] for entry in map(json.loads, lines)}
