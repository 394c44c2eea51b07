"""A Kafka broker for tests, topologies and topics of a test's own on it, and readers that are not ours.

One broker serves all tests of a run, in whatever worker process they are; the last to let go of it ends it. Should
pytest be killed, the broker's keeper (tools/kafka/broker start --owner) does. A test that kills its broker has a
private one.
"""

import concurrent.futures
import contextlib
import fcntl
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

import confluent_kafka
import confluent_kafka.admin
import fastavro

from tests.flow.job import Job, TOPOLOGY

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BROKER = ROOT / "tools" / "kafka" / "broker"
TIMEOUT_S = 120
POLL_S = 0.05
SESSION_MS = 6_000
CONTROLLER_HEAP_MIB = 128
# What a real cluster has in minutes, in seconds.
USER, PASSWORD = "alice", "open-sesame"
SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": 500, "group.min.session.timeout.ms": 1_000,
            "quota.window.num": 2}  # seconds in which a client may take what it has left
QUIET = {"log_level": 2}  # a broker that is gone is no news here
MOVING = [getattr(confluent_kafka.KafkaError, name) for name in (
    "NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS")]
TOPICS = ("impressions", "engagements", "ranker_scores", "outcomes", "exploration_events", "late_engagements",
          "orphan_engagements", "hindsight_scores", "late_impressions", "overflow_engagements",
          "overflow_scores")


def wait_until(condition, what, timeout_s=TIMEOUT_S, every_s=POLL_S):
    """For what nobody tells us of: looks again and again; gives what the condition gave."""
    deadline, never = time.monotonic() + timeout_s, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        never.wait(every_s)
    return found


def patiently(ask, what):
    """A coordinator that is moving, or has just begun, is waited for. `ask` gives something that counts as true."""
    def try_it():
        try:
            return ask()
        except confluent_kafka.KafkaException as error:
            assert error.args[0].retriable() or error.args[0].code() in MOVING, error
            return None

    return wait_until(try_it, what)


def crash_at(point):
    """An environment in which the program ends by SIGKILL: "block:3", when it passes `block` for the third time."""
    return {**os.environ, "ISOTOPE_CRASH": point}


# ---- the broker ----


class Broker:
    def __init__(self, directory):
        self.directory = directory
        self.bootstrap = self.login = None  # addresses: for everybody, and for USER with PASSWORD

    def call(self, command, *arguments, status=0, **rest):
        done = subprocess.run([BROKER, command, "--dir", self.directory, *map(str, arguments)], capture_output=True,
                              timeout=TIMEOUT_S, **rest)
        assert done.returncode == status, f"broker {command} {arguments}: status {done.returncode}\n" \
                                          f"{done.stdout[-2000:]}\n{done.stderr.decode(errors='replace')[-4000:]}"
        return done.stdout

    def start(self, owner, **settings):
        sets = [text for name, value in {**SETTINGS, **settings}.items() for text in ("--set", f"{name}={value}")]
        self.take_addresses(self.call("start", "--owner", owner, "--user", f"{USER}:{PASSWORD}", *sets).decode())

    def start_controller(self, owner, **settings):
        """One that is no broker."""
        sets = [text for name, value in {**SETTINGS, **settings}.items() for text in ("--set", f"{name}={value}")]
        self.call("start", "--owner", owner, "--controller", "--heap", CONTROLLER_HEAP_MIB, *sets)

    def join(self, other, owner, node):
        self.take_addresses(self.call("start", "--owner", owner, "--join", other.directory, "--node", node).decode())

    def take_addresses(self, text):
        self.bootstrap, self.login = ([line.split()[0] for line in text.splitlines()] + [None])[:2]

    def kill(self):
        self.call("kill")

    def restart(self):
        self.call("restart")

    def freeze(self):
        """It is silent from now on; connections stay, and new ones are taken by the kernel."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def signal(self, number):
        os.kill(int((self.directory / "broker.pid").read_text(encoding="utf-8")), number)

    def stop(self):
        self.call("stop", "--remove")

    def tool(self, name, *arguments):
        return self.call("tool", name, *arguments)

    def java(self, source, *arguments, given=b""):
        """Runs a source file in Java with Kafka's jars; gives its standard output."""
        jars = self.call("class-path").decode().strip()
        done = subprocess.run(["java", "-Xmx256m", "-cp", jars, source, self.bootstrap, *map(str, arguments)],
                              input=given, capture_output=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def admin(self):
        return confluent_kafka.admin.AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})

    def producer(self, **settings):
        return confluent_kafka.Producer({"bootstrap.servers": self.bootstrap, **QUIET, **settings})

    def group(self, name):
        admin = self.admin()  # held: an answer never comes to a client that is gone
        return patiently(
            lambda: admin.describe_consumer_groups([name], request_timeout=TIMEOUT_S)[name].result(TIMEOUT_S),
            f"the coordinator of {name}")

    def group_members(self, group):
        return len(self.group(group).members)

    def wait_until_shared(self, group, count):
        """Each of so many members has a task: one that has none looks at no topic."""
        wait_until(lambda: sum(bool(member.assignment and member.assignment.topic_partitions)
                               for member in self.group(group).members) == count, f"tasks for each member of {group}")

    def wait_until_left(self, group):
        wait_until(lambda: self.group_members(group) == 0, f"the members of {group} to be gone")


def shared_directory():
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return pathlib.Path(tempfile.gettempdir()) / f"kafka-{run}"


def owner():
    """The process that outlives all workers of this run."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@contextlib.contextmanager
def mutex(directory):
    """Whoever waited here for one who removed the directory finds his lock file gone, and tries anew."""
    while True:
        directory.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError), open(directory / "mutex", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink > 0:
                yield
                return


@contextlib.contextmanager
def shared_broker():
    """Users hold a shared lock. Who gets it for himself alone is the last."""
    broker = Broker(shared_directory())
    with mutex(broker.directory):
        users = open(broker.directory / "users", "w", encoding="utf-8")
        fcntl.flock(users, fcntl.LOCK_SH)
        address = broker.directory / "address"
        if not address.exists():
            broker.start(owner())
            address.write_text(f"{broker.bootstrap}\n{broker.login}", encoding="utf-8")
        broker.take_addresses(address.read_text(encoding="utf-8"))
    try:
        yield broker
    finally:
        with mutex(broker.directory), users:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                broker.stop()
                shutil.rmtree(broker.directory, ignore_errors=True)


@contextlib.contextmanager
def private_broker(directory, **settings):
    broker = Broker(directory)
    broker.start(os.getpid(), **settings)
    try:
        yield broker
    finally:
        broker.stop()


class Pair(Broker):
    """A cluster of two brokers, of which either may be killed: the controller is a third process. All topics, the
    coordinators' too, have a replica on both."""

    def __init__(self, first, second):
        super().__init__(first.directory)
        self.first, self.second = first, second
        self.bootstrap = f"{first.bootstrap},{second.bootstrap}"

    def leaders(self, topic):
        """By partition; -1: none."""
        partitions = self.admin().list_topics(topic, TIMEOUT_S).topics[topic].partitions
        return [partitions[number].leader for number in sorted(partitions)]

    def place(self, topic, leaders, replicas=2):
        """Makes a topic whose partitions have the preferred leaders given, and a second replica on the other."""
        replicas = [[leader, 3 - leader][:replicas] for leader in leaders]
        admin = self.admin()  # held: an answer never comes to a client that is gone
        new = confluent_kafka.admin.NewTopic(topic, len(leaders), replica_assignment=replicas)
        admin.create_topics([new])[topic].result(TIMEOUT_S)


@contextlib.contextmanager
def pair_of_brokers(directory):
    """Records are acknowledged by all replicas that are in step, of which one is enough: with two of two, nothing could
    be written while one of them is away. Who was not in step never leads."""
    two = {name: 2 for name in ("offsets.topic.replication.factor", "transaction.state.log.replication.factor",
                                "default.replication.factor")}
    two |= {"min.insync.replicas": 1, "unclean.leader.election.enable": "false"}
    controller, first, second = (Broker(directory / name) for name in ("controller", "1", "2"))
    try:
        controller.start_controller(os.getpid(), **two)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for joined in [pool.submit(broker.join, controller, os.getpid(), node)
                           for node, broker in enumerate((first, second), start=1)]:
                joined.result()
        yield Pair(first, second)
    finally:
        for broker in (second, first, controller):
            if broker.directory.exists():
                broker.stop()


# ---- topologies ----


def topology_text(bootstrap, name, *, partitions=4, commit_interval="200ms", guarantee="exactly_once", log=(), join=(),
                  topic=(), scores=True):
    """engagement.yaml on the broker; application, topics and operator have names that nobody else has. `log`, `join`
    and `topic` are further properties of the log (None: not set), the operator and the topics that are read. Without
    `scores` that input is not connected."""
    text = TOPOLOGY.read_text(encoding="utf-8")
    log = {"type": "kafka", "bootstrap.servers": bootstrap, "session.timeout.ms": SESSION_MS, **dict(log)}
    log = {key: str(value) for key, value in log.items() if value is not None}
    top, operators = re.sub(r" *#.*", "", text).split("operators:\n")
    top = top.replace("name: engagement", f"name: {name}") \
        .replace("log: {type: embedded}", "log: " + json.dumps(log)) \
        .replace("commit_interval: 200ms", f"commit_interval: {commit_interval}") \
        .replace("guarantee: exactly_once", f"guarantee: {guarantee}") \
        .replace("partitions: 4", f"partitions: {partitions}")
    more = "".join(f", {key}: {value}" for key, value in dict(topic).items())
    for own in TOPICS:
        top = re.sub(rf"^  {own}:( .*)}}$", rf"  {name}_{own}:\1{more if own in TOPICS[:3] else ''}}}", top, flags=re.M)
        operators = re.sub(rf": {own}$", f": {name}_{own}", operators, flags=re.M)
    if not scores:
        operators = re.sub(r"^      scores: .*\n", "", operators, flags=re.M)
    operators = re.sub(r"^  join:", f"  join_{name}:", operators, flags=re.M)
    for key, value in dict(join).items():
        operators = re.sub(rf"^    {key}:.*", f"    {key}: {value}", operators, flags=re.M)
    return f"schemas: {ROOT / 'schemas'}\n{top}operators:\n{operators}"


def own_text(text, bootstrap, name, *, log=()):
    """Any topology on the broker, with names of application and topics that nobody else has. Gives the topics, too."""
    log = {"type": "kafka", "bootstrap.servers": bootstrap, "session.timeout.ms": SESSION_MS, **dict(log)}
    text = re.sub(r" +#.*", "", text)
    text = re.sub(r"^name: .*", f"name: {name}", text, flags=re.M)
    text = re.sub(r"^log: .*", "log: " + json.dumps({key: str(value) for key, value in log.items()}), text, flags=re.M)
    top, topics, operators = re.split(r"^topics:|^operators:", text, flags=re.M)
    names = re.findall(r"^  (\w+):", topics, flags=re.M)
    topics = re.sub(r"^  (\w+):", rf"  {name}_\1:", topics, flags=re.M)
    operators = re.sub(rf"(:\s+)({'|'.join(names)})(?=\s*[,}}]|\s*$)", rf"\1{name}_\2", operators, flags=re.M)
    schemas = "" if re.search("^schemas:", top, flags=re.M) else f"schemas: {ROOT / 'schemas'}\n"
    return f"{schemas}{top}topics:{topics}operators:{operators}", names


class BrokerJob(Job):
    """A topology on a broker. Topics are called by their short names: `outcomes` is the test's own."""

    def __init__(self, broker, directory, name, text, topics, instance=None):
        self.broker = broker
        self.name = name
        self.letters = f"{name}.dead_letters"
        self.topics = topics
        self.operators = re.findall(r"^  (\w+):", text.partition("\noperators:")[2], flags=re.M)
        directory.mkdir(parents=True, exist_ok=True)
        topology = directory / "topology.yaml"
        topology.write_text(text, encoding="utf-8")
        super().__init__(directory / "data", topology)
        self.instance = instance
        self.processes = []

    @classmethod
    def of(cls, text, broker, directory, **rest):
        """Of any topology, as own_text makes it."""
        name = unique_name()
        return cls(broker, directory, name, *own_text(text, broker.bootstrap, name, **rest))

    def start(self, name, *arguments, **rest):
        self.processes.append(super().start(name, *arguments, **rest))
        return self.processes[-1]

    def launch(self, name, *arguments, stderr, **rest):
        """As start, but what it says goes to a file: nobody has to read it while it runs."""
        self.processes.append(subprocess.Popen(self.command(name, *arguments), stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=stderr, **rest))
        return self.processes[-1]

    def end(self):
        """Of whatever a test that failed has left running."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def topic(self, name):
        return f"{self.name}_{name}" if name in self.topics else name

    def group_of(self, operator):
        return f"{self.name}.{operator}"

    def wait_until_left(self):
        for operator in self.operators:
            self.broker.wait_until_left(self.group_of(operator))

    def committed(self, operator, topic, partitions):
        """How many records of an input's partitions the operator's tasks have behind them: what its group has
        committed. While its coordinator is moving, or has just begun, it is waited for."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.broker.bootstrap,
                                             "group.id": self.group_of(operator), **QUIET})
        wanted = [confluent_kafka.TopicPartition(self.topic(topic), number) for number in range(partitions)]

        try:
            found = patiently(lambda: consumer.committed(wanted, TIMEOUT_S),
                              f"the coordinator of {self.group_of(operator)}")
            return [max(0, partition.offset) for partition in found]
        finally:
            consumer.close()

    def ends(self, topic, partitions):
        """By partition: behind the last offset, whatever it is."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": "nobody",
                                             "isolation.level": "read_committed", **QUIET})
        try:
            return [consumer.get_watermark_offsets(confluent_kafka.TopicPartition(self.topic(topic), number),
                                                   TIMEOUT_S)[1] for number in range(partitions)]
        finally:
            consumer.close()

    def delete_records(self, topic, partition, offset):
        """Those before the offset, as retention does it."""
        admin = self.broker.admin()  # held: an answer never comes to a client that is gone
        place = confluent_kafka.TopicPartition(self.topic(topic), partition, offset)
        for future in admin.delete_records([place]).values():
            assert future.result(TIMEOUT_S).low_watermark == offset

    def commit(self, topic, partition, offset):
        """As the group's position; nobody is in it."""
        admin = self.broker.admin()  # held: an answer never comes to a client that is gone
        place = confluent_kafka.TopicPartition(self.topic(topic), partition, offset)
        request = confluent_kafka.ConsumerGroupTopicPartitions(self.group, [place])
        admin.alter_consumer_group_offsets([request])[self.group].result(TIMEOUT_S)

    def positions(self, operator, topic, partitions):
        return sum(self.committed(operator, topic, partitions))

    def command(self, name, *arguments):
        instance = ["--instance", self.instance] if self.instance and name == "run" else []
        return [*super().command(name, *arguments), *instance]

    def create_topics(self):
        self.call("topics", "--create")

    def produce(self, topic, rows, *arguments, status=0):
        return super().produce(self.topic(topic), rows, *arguments, status=status)

    def rows(self, topic, *arguments):
        return super().rows(self.topic(topic), *arguments)

    def messages(self, topic, isolation="read_committed"):
        return messages(self.broker.bootstrap, self.topic(topic), isolation)

    def decoded(self, topic, schema):
        """As another program reads them, in the order of partitions and offsets."""
        return [decoded(schema, message.value()) for message in self.messages(topic)]

    def dead_letters(self):
        return self.decoded(self.letters, "dead_letter")

    def beside(self, directory, instance=None):
        """The same job in another process, on another machine as it were: with a data directory of its own."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, directory=directory, instance=instance)
        return other


class KafkaJob(BrokerJob):
    """engagement.yaml."""

    def __init__(self, broker, directory, name=None, instance=None, address=None, **rest):
        name = name or unique_name()
        text = topology_text(address or broker.bootstrap, name, **rest)
        super().__init__(broker, directory, name, text, TOPICS, instance)
        self.operator = f"join_{name}"
        self.group = self.group_of(self.operator)
        self.journal = f"{self.group}.journal"

    def outcomes(self):
        return self.decoded("outcomes", "outcome")


def unique_name():
    return f"t{uuid.uuid4().hex[:10]}"


# ---- other people's readers ----


def high_watermark(bootstrap, topic, number):
    """Where a partition ends, with what no reader of committed records sees yet."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody",
                                         "isolation.level": "read_uncommitted", **QUIET})
    try:
        return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number), TIMEOUT_S)[1]
    finally:
        consumer.close()


def read(bootstrap, topic, take, isolation="read_committed", decided=False):
    """Hands all messages that a reader sees, up to the end, to `take`. `decided`: each transaction is, or will be soon:
    the broker answers a commit before its markers are in the partitions, and until then a reader ends before them."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody",
                                         "isolation.level": isolation, "enable.partition.eof": True,
                                         "enable.auto.commit": False, "auto.offset.reset": "earliest", **QUIET})
    try:
        partitions = wait_until(lambda: consumer.list_topics(topic).topics[topic].partitions, f"topic {topic}")
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
        ends = {number: high_watermark(bootstrap, topic, number) if decided else 0 for number in partitions}
        ended, deadline = set(), time.monotonic() + TIMEOUT_S
        while len(ended) < len(partitions):
            assert time.monotonic() < deadline, f"the ends of {topic} were not reached"
            for message in consumer.consume(10_000, 0.2):
                if not message.error():
                    take(message)
                    deadline = time.monotonic() + TIMEOUT_S
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    if message.offset() >= ends[message.partition()]:
                        ended.add(message.partition())
                else:
                    assert message.error().retriable(), message.error()
    finally:
        consumer.close()


def messages(bootstrap, topic, isolation="read_committed"):
    """By partition and offset."""
    found = []
    read(bootstrap, topic, found.append, isolation)
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def plain_schema(tree):
    """Without logical types: times are numbers, as in our JSON."""
    if isinstance(tree, dict):
        return {key: plain_schema(value) for key, value in tree.items() if key != "logicalType"}
    return [plain_schema(value) for value in tree] if isinstance(tree, list) else tree


SCHEMAS = {}


def schema(name):
    if name not in SCHEMAS:
        tree = json.loads((ROOT / "schemas" / f"{name}.avsc").read_text(encoding="utf-8"))
        SCHEMAS[name] = fastavro.parse_schema(plain_schema(tree)), fingerprint(tree)
    return SCHEMAS[name]


def fingerprint(tree):
    """Of the single-object framing; the one of the file as it is, logical types are no part of it."""
    form = fastavro.schema.to_parsing_canonical_form(tree)
    return bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO"))


def decoded(name, value):
    parsed, mark = schema(name)
    assert value[:10] == b"\xc3\x01" + mark, value[:10]
    return fastavro.schemaless_reader(io.BytesIO(value[10:]), parsed, None)


def encoded(name, row):
    parsed, mark = schema(name)
    out = io.BytesIO(b"")
    fastavro.schemaless_writer(out, parsed, row)
    return b"\xc3\x01" + mark + out.getvalue()
