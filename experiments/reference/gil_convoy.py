"""The scenario gil-convoy as a CPython program, to set beside `conlab run gil-convoy`.

    python3 experiments/reference/gil_convoy.py [SECONDS]

One visitor (five times 100 us of work and a sleep of 2 ms, then 1 ms of thought on average) beside 0, 1 and 2
crunchers that never wait (20 ms a task), at switch intervals of 5 ms and 0.5 ms. Work is an amount: iterations of a
loop whose rate is measured before. Needs a CPython with an interpreter lock (up to 3.13, or 3.14 without -t).
"""

import random
import sys
import threading
import time

now = time.perf_counter


def work(count):
    """So many links of a dependent chain; the interpreter looks at requests to drop at every one."""
    word = 1
    for _ in range(count):
        word = (word * 5 + 1) & 0xFFFF
    return word


def links_per_second():
    best = float("inf")
    for _ in range(30):
        start = now()
        work(10_000)
        best = min(best, now() - start)
    return 10_000 / best


def run(rate, crunchers, seconds, visitor=True):
    """Sojourns of the visitor in seconds, and tasks per second of each cruncher."""
    end = now() + seconds
    sojourns, done = [], [0] * crunchers

    def crunch(number):
        chance = random.Random(number)
        while now() < end:
            work(int(rate * 0.020 * chance.uniform(0.7, 1.3)))
            done[number] += 1

    def visit():
        chance = random.Random(18)
        while now() < end:
            time.sleep(chance.expovariate(1000))
            start = now()
            for _ in range(5):
                work(int(rate * 0.0001))
                time.sleep(0.002 * chance.uniform(0.9, 1.1))
            sojourns.append(now() - start)

    threads = [threading.Thread(target=crunch, args=(number,)) for number in range(crunchers)]
    threads += [threading.Thread(target=visit)] if visitor else []
    start = now()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = now() - start
    return sorted(sojourns), [count / took for count in done]


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    rate = links_per_second()
    print(f"CPython {sys.version.split()[0]}, {rate / 1e6:.1f} links per us, {seconds} s each")
    for crunchers in (1, 2):
        _, done = run(rate, crunchers, seconds, visitor=False)
        print(f"{crunchers} cruncher(s) alone: " + ", ".join(f"{each:.1f}/s" for each in done))
    print(f"{'interval':>8} {'crunchers':>9} {'n':>5} {'mean':>8} {'p50':>8} {'p99':>8}  ms; excess over alone")
    for interval in (0.005, 0.0005):
        sys.setswitchinterval(interval)
        alone = None
        for crunchers in (0, 1, 2):
            sojourns, _ = run(rate, crunchers, seconds)
            mean = sum(sojourns) / len(sojourns)
            alone = alone or mean
            at = [sojourns[int(len(sojourns) * share)] for share in (0.5, 0.99)]
            figures = " ".join(f"{value * 1e3:8.2f}" for value in [mean, *at])
            print(f"{interval * 1e3:6} ms {crunchers:>9} {len(sojourns):>5} {figures}  {(mean - alone) * 1e3:+.2f}")


main()
