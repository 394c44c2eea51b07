"""The broker of a benchmark, and what the Java tool of tools/peers does with it."""

import json
import os
import pathlib
import subprocess
import sys

import bench_process

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAUNCHER = ROOT / "tools" / "kafka" / "broker"
PEERS = ROOT / "tools" / "peers"
PARTITIONS = 4
HEAP_MIB = 1024
# The cores are shared with what is measured: a broker that is late with a heartbeat must not be taken for dead.
SETTINGS = {"broker.session.timeout.ms": 30_000, "log.segment.delete.delay.ms": 1_000}

LOGGING = """log4j.rootLogger=WARN, file
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.File={file}
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d{{HH:mm:ss,SSS}} %p %c{{1}} %m%n
"""


class Java:
    """The classes of tools/peers, built."""

    def __init__(self, build):
        self.build = (build / "java").resolve()

    def make(self):
        stamp, sources = self.build / "made", [path for path in PEERS.rglob("*") if path.is_file()]
        if stamp.exists() and stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
            return
        bench_process.say("building the peers with Maven")
        self.build.mkdir(parents=True, exist_ok=True)
        # What is in Maven's cache is not asked for again; what is not there is fetched.
        command = ["mvn", "-B", "-q", "-f", PEERS / "pom.xml", "package", f"-Dpeers.build={self.build}"]
        for more in (["-o"], []):
            done = subprocess.run([*map(str, command), *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            if done.returncode == 0:
                stamp.touch()
                return
        sys.exit(f"Maven could not build tools/peers:\n{done.stdout[-4000:]}")

    def command(self, module, name, arguments, flags=()):
        path = os.pathsep.join([f"{self.build}/{module}/classes", f"{self.build}/{module}/libs/*"])
        return ["java", *flags, "-cp", path, f"peers.{name}", *map(str, arguments)]

    def logging(self, directory, name):
        """The flag that has its warnings written to a file."""
        path = directory / f"{name}.log4j.properties"
        path.write_text(LOGGING.format(file=directory / f"{name}.log"), encoding="utf-8")
        return f"-Dlog4j.configuration=file:{path}"


class Broker:
    def __init__(self, java, directory, keep):
        self.java, self.directory = java, directory
        self.place = ["--dir", str(directory / "broker")]
        settings = [word for item in SETTINGS.items() for word in ("--set", "%s=%s" % item)]
        owner = [] if keep else ["--owner", str(os.getpid())]
        self.bootstrap = self.call("start", *self.place, "--heap", HEAP_MIB, *settings, *owner).split()[0]
        self.flags = ["-Xmx1g", java.logging(directory, "tool")]

    @staticmethod
    def call(*words):
        done = subprocess.run([LAUNCHER, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit("the broker could not be started")
        return done.stdout

    def stop(self):
        subprocess.run([LAUNCHER, "stop", *self.place], check=False)

    def cpu_s(self):
        return bench_process.cpu_s(int((self.directory / "broker" / "broker.pid").read_text(encoding="ascii")))

    def tool_command(self, *words):
        return self.java.command("core", "Tool", [self.bootstrap, *words], self.flags)

    def tool(self, *words, check=True):
        done = subprocess.run(self.tool_command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            sys.exit(f"peers.Tool {' '.join(map(str, words))} failed")
        return done.stdout

    def beside(self, *words):
        """The tool as a process of its own, which can be listened to."""
        return bench_process.Process(self.tool_command(*words))

    def create(self, *topics):
        self.tool("create", PARTITIONS, *topics)

    def delete(self, *prefixes):
        self.tool("delete", *prefixes)

    def hour(self, count, seed):
        """The topics of an hour-like input of `count` impressions, and what must come of it; made once."""
        topics = f"impressions-{count}", f"engagements-{count}"
        expected = self.directory / f"expected-{count}-{seed}.properties"
        if not expected.exists():
            bench_process.say(f"generating {count:,} impressions and their engagements")
            self.delete(*topics)
            self.create(*topics)
            self.tool("generate", count, seed, *topics, expected)
        return *topics, expected

    def open_keys(self, count, seed):
        """The topics of `count` impressions whose windows stay open; made once."""
        topics = f"open-impressions-{count}", f"open-engagements-{count}"
        done = self.directory / f"open-{count}-{seed}"
        if not done.exists():
            bench_process.say(f"generating {count:,} impressions that stay open")
            self.delete(*topics)
            self.create(*topics)
            self.tool("fill", count, seed, topics[0])
            done.touch()
        return topics

    def check(self, expected, topic):
        try:
            return json.loads(self.tool("check", expected, topic, check=False))
        except ValueError:
            return {"rows": 0, "events": 0, "ok": False}
