"""An asyncio service whose rare requests block the event loop.

    python3 loop.py PORT SPANS blocking|threads [PROCESSES]

Pages await 10 ms and compute 1 ms; exports sleep 25 ms without awaiting (`blocking`), or do so on a thread (`threads`). Several processes
read from one socket, each with a loop of its own.
"""

import asyncio
import os
import signal
import socket
import sys
import time

from spans import CLIENT, SERVER, Spans, lognormal, loops_for, seeded, spin


def main():
    port, out, how, processes = int(sys.argv[1]), sys.argv[2], sys.argv[3], int((sys.argv[4:] or [1])[0])
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    plug.bind(("127.0.0.1", port))
    children = []
    for _ in range(processes - 1):
        child = os.fork()
        if child == 0:
            children, out = None, f"{out}.{os.getpid()}"
            break
        children.append(child)
    spans = Spans(
        "loop-service",
        **{"process.runtime.name": "cpython", "conlab.workers": 1, "conlab.scheduling": "async", "host.cpu.count": os.cpu_count()},
    )
    page = loops_for(1e-3)

    async def handle(plug, text, client):
        start = time.time_ns()
        number, kind, sent = text.decode().split()
        number, sent = int(number), int(sent)
        chance, serve, cpu = seeded("loop", number), number + 1, 0
        begin = time.time_ns()
        if kind == "export":
            pause, name = lognormal(chance, 25e-3, 0.2), "read"
            if how == "blocking":
                time.sleep(pause)
            else:
                await asyncio.to_thread(time.sleep, pause)
        else:
            name = "fetch"
            await asyncio.sleep(lognormal(chance, 10e-3, 0.3))
        end, blocks = time.time_ns(), kind == "export" and how == "blocking"
        spans.add(number + 1, 2 * serve + 1, 2 * serve, name, CLIENT, begin, end, blocks=blocks)
        cpu = time.thread_time_ns()
        spin(page)
        plug.sendto(text, client)
        cpu = time.thread_time_ns() - cpu
        spans.add(number + 1, 2 * serve, 0, kind, SERVER, start, time.time_ns(), queued_ns=max(0, start - sent), cpu_ns=cpu)

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport, self.running = transport, set()

        def datagram_received(self, text, client):
            task = asyncio.ensure_future(handle(self.transport, text, client))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def serve():
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(Protocol, sock=plug)
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        if children is not None:
            print("ready", flush=True)
        await stop.wait()

    asyncio.run(serve())
    spans.write(out)
    for child in children or []:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        with open(f"{out}.{child}") as theirs, open(out, "a") as ours:
            ours.write(theirs.read())
        os.remove(f"{out}.{child}")


main()
