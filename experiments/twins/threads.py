"""CPython threads under the interpreter lock that share a pool of connections, or one lock.

    python3 threads.py PORT SPANS pool WORKERS CONNECTIONS
    python3 threads.py PORT SPANS lock WORKERS MILLISECONDS

`pool`: 1 ms of Python, a query of 8 ms on one of few connections, 0.5 ms of Python. The connections are the bottleneck.
`lock`: 0.2 ms of Python, then so many milliseconds of writing under one lock, which is the bottleneck.
Ends with SIGTERM and then writes its spans.
"""

import os
import queue
import signal
import socket
import sys
import threading
import time

from spans import INTERNAL, SERVER, Spans, lognormal, loops_for, seeded, spin


def main():
    port, out, what, workers, size = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    spans = Spans(
        f"{what}-service", **{"process.runtime.name": "cpython", "conlab.workers": workers, "host.cpu.count": os.cpu_count()}
    )
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    plug.bind(("127.0.0.1", port))
    before, after = (loops_for(1e-3), loops_for(0.5e-3)) if what == "pool" else (loops_for(0.2e-3), 0)
    places = queue.Queue()
    for place in range(size):
        places.put(place)
    journal = threading.Lock()

    def query(number, chance, serve):
        begin = time.time_ns()
        place = places.get()
        got, cpu = time.time_ns(), time.thread_time_ns()
        time.sleep(lognormal(chance, 8e-3, 0.4))
        cpu = time.thread_time_ns() - cpu
        end = time.time_ns()
        places.put(place)
        hold(number, serve, "query", "connections", "pool", begin, got, end, cpu)

    def write(number, chance, serve):
        begin = time.time_ns()
        with journal:
            got, cpu = time.time_ns(), time.thread_time_ns()
            time.sleep(lognormal(chance, size * 1e-3, 0.3))
            cpu = time.thread_time_ns() - cpu
            end = time.time_ns()
        hold(number, serve, "write", "journal", "lock", begin, got, end, cpu)

    def hold(number, serve, name, resource, kind, begin, got, end, cpu):
        spans.add(
            number + 1, 2 * serve + 1, 2 * serve, name, INTERNAL, got, end,
            resource=resource, resource__kind=kind, waited_ns=got - begin, cpu_ns=cpu,
        )

    def work(worker):
        while True:
            text, client = plug.recvfrom(128)
            start, cpu = time.time_ns(), time.thread_time_ns()
            number, kind, sent = text.decode().split()
            number, sent = int(number), int(sent)
            chance = seeded(what, number)
            serve = number + 1
            spin(before)
            (query if what == "pool" else write)(number, chance, serve)
            spin(after)
            plug.sendto(text, client)
            cpu = time.thread_time_ns() - cpu
            spans.add(number + 1, 2 * serve, 0, kind, SERVER, start, time.time_ns(), queued_ns=max(0, start - sent), cpu_ns=cpu)

    for worker in range(workers):
        threading.Thread(target=work, args=(worker,), daemon=True).start()
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
    spans.write(out)
    os._exit(0)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
main()
