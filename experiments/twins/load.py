"""Open load over UDP: Poisson arrivals that wait for nobody. Prints a JSON line with what was sent, what came back, and when the last did.

    python3 load.py PORT RATE SECONDS SEED [KIND=SHARE ...]

A request is `number kind sent_ns`; the instant is when it was really sent, so that the generator's own lateness is no queueing.
"""

import json
import random
import socket
import sys
import threading
import time


def main():
    port, rate, seconds, seed = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    kinds = [part.split("=") for part in sys.argv[5:]] or [["request", "1"]]
    names, shares = [name for name, _ in kinds], [float(share) for _, share in kinds]
    chance = random.Random(seed)
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    plug.connect(("127.0.0.1", port))
    answers, last = [0], [0.0]

    def receive():
        plug.settimeout(2)
        try:
            while True:
                plug.recv(64)
                answers[0] += 1
                last[0] = time.monotonic()
        except TimeoutError:
            pass

    receiver = threading.Thread(target=receive)
    receiver.start()
    begin = time.monotonic()
    # Programs draw a request's times from its number: no two runs have the same.
    at, number, late = 0.0, 1_000_000 * seed, []
    while True:
        at += chance.expovariate(rate)
        if at >= seconds:
            break
        kind = chance.choices(names, shares)[0]
        pause = begin + at - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        late.append(time.monotonic() - begin - at)
        plug.send(f"{number} {kind} {time.time_ns()}".encode())
        number += 1
    receiver.join()
    late.sort()
    late_p99_ms = 1e3 * late[len(late) * 99 // 100]
    print(json.dumps({"sent": len(late), "answered": answers[0], "rate": len(late) / seconds, "took": last[0] - begin, "late_p99_ms": late_p99_ms}))


main()
