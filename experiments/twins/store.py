"""CPython threads that ask a real Redis server, whose one thread sorts a list for each request.

    python3 store.py PORT SPANS WORKERS SERVERS

0.2 ms of Python, then a SORT over a list of 8 000 to 24 000 numbers, of 1 to 5 ms of Redis's only thread. SERVERS Redis processes hold
the same lists; a request's number says which is asked. Redis itself says when it began and ended (TIME before and after, in one MULTI), so
its span is measured where it runs. Needs redis-server (Debian: `apt install redis-server`). Ends with SIGTERM and then writes its spans.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from spans import CLIENT, SERVER, Spans, loops_for, seeded, spin

LISTS = [8_000, 12_000, 16_000, 20_000, 24_000]


def encoded(*words):
    texts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)


class Connection:
    """Just enough of Redis's protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/."""

    def __init__(self, path):
        self.plug = socket.socket(socket.AF_UNIX)
        self.plug.connect(path)
        self.answers = self.plug.makefile("rb")

    def ask(self, *commands):
        self.plug.sendall(b"".join(encoded(*command) for command in commands))
        return [self.answer() for _ in commands]

    def answer(self):
        line = self.answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"+:":
            return rest
        if kind == b"$":
            return self.answers.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        raise RuntimeError(f"redis: {rest.decode(errors='replace')}")


def started(folder, number):
    path = os.path.join(folder, f"redis-{number}")
    words = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    for _ in range(500):
        try:
            connection = Connection(path)
            break
        except OSError:
            time.sleep(0.01)
    else:
        sys.exit("redis-server did not start within 5 s")
    for length in LISTS:
        chance = seeded("list", length)
        connection.ask(["RPUSH", f"list-{length}", *[chance.randrange(10**9) for _ in range(length)]])
    return path, process


def main():
    port, out, workers, servers = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    folder = tempfile.mkdtemp(prefix="conlab-redis-")
    redis = [started(folder, number) for number in range(servers)]
    spans = Spans("store-service", **{"process.runtime.name": "cpython", "conlab.workers": workers, "host.cpu.count": os.cpu_count()})
    sorts = Spans("redis", **{"conlab.workers": 1})
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    plug.bind(("127.0.0.1", port))
    before = loops_for(0.2e-3)

    def work():
        connections = [Connection(path) for path, _ in redis]
        while True:
            text, client = plug.recvfrom(128)
            start, cpu = time.time_ns(), time.thread_time_ns()
            number, kind, sent = text.decode().split()
            number, sent = int(number), int(sent)
            length = seeded("store", number).choice(LISTS)
            spin(before)
            begin = time.time_ns()
            answers = connections[number % servers].ask(["MULTI"], ["TIME"], ["SORT", f"list-{length}", "LIMIT", 0, 1], ["TIME"], ["EXEC"])
            end = time.time_ns()
            plug.sendto(text, client)
            cpu = time.thread_time_ns() - cpu
            began, ended = ((int(seconds) * 10**6 + int(micros)) * 1000 for seconds, micros in answers[-1][::2])
            trace, root = number + 1, 4 * (number + 1)
            spans.add(trace, root, 0, kind, SERVER, start, time.time_ns(), queued_ns=max(0, start - sent), cpu_ns=cpu)
            spans.add(trace, root + 1, root, "sort", CLIENT, begin, end)
            sorts.add(trace, root + 2, root + 1, "SORT", SERVER, began, ended, queued_ns=max(0, began - begin), cpu_ns=ended - began)

    for _ in range(workers):
        threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
    spans.write(out)
    sorts.write(out, "a")
    for _, process in redis:
        process.kill()  # nothing in it is kept, and it has inherited that SIGTERM is blocked
        process.wait()
    shutil.rmtree(folder)
    os._exit(0)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
main()
