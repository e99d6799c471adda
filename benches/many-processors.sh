#!/usr/bin/env bash
# The figures of queues and caches that a machine with many processors must show, each beside its peers in the same run. About ten
# minutes on 16 processors, after the build. Keep the machine quiet meanwhile.
#
#   benches/many-processors.sh [FOLDER]     where the figures go; results/many-processors-DATE by default
#
# The queues run twice: as they are, and with leases that are recalled at once (CONLAB_WEAKEN=plain-leases), which is how they
# were before an end changed hands after a handful of tickets. What the hand-over brings is the difference.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-results/many-processors-$(date -u +%Y-%m-%d)}
mkdir -p "$folder"
{ lscpu; uname -srm; uptime; } >"$folder/machine.txt"

threads=$(nproc)
counts=$(for n in 1 2 4 8 16 32 64; do [ "$n" -le $((2 * threads)) ] && printf '%s,' "$n"; done)
queues=(cargo bench -p conlab-benches --bench queues --)
parts=1x1,2x2,4x4,8x8,32x32,alone,paced,idle

"${queues[@]}" --rounds 7 --part "$parts" --json "$folder/queues.json" | tee "$folder/queues.txt"
cargo bench -p conlab-benches --bench caches -- --rounds 7 --threads "${counts%,}" | tee "$folder/caches.txt"
CONLAB_WEAKEN=plain-leases "${queues[@]}" --rounds 7 --part 1x1,2x2,4x4,8x8,32x32 --only conlab,crossfire,kanal \
  --json "$folder/queues-plain-leases.json" | tee "$folder/queues-plain-leases.txt"

cat <<'WANTED' | tee "$folder/wanted.txt"
Wanted on 16 processors:
  lockfree ÷ the best that sleeps: at least 2 at 1x1, 4x4, 8x8 and 32x32, 1.5 at 2x2; worst share at least 0.5
  mutex ÷ the best on a mutex: at least 2
  sharded ÷ quick_cache: at least 1 from 1 to 16 threads
WANTED
