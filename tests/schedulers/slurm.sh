#!/usr/bin/env bash
# Slurm on this machine alone, in a folder of its own: nothing of the system is read or changed.
#
#   tests/schedulers/slurm.sh start DIR [CPUS]   starts munged, slurmctld and slurmd; prints the line to put into a shell
#   tests/schedulers/slurm.sh stop DIR           stops what was started there
#
# Needs root (slurmd starts jobs) and Debian's packages:
#   apt-get install --no-install-recommends munge slurmctld slurmd slurm-client
# Exits with 77 and says why where it cannot be started for want of these.
set -euo pipefail

absent() {
  echo "slurm: $*" >&2
  exit 77
}

# A port that nobody listens on.
port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null ||
    echo $((20000 + (RANDOM % 20000)))
}

stop() {
  # The daemons by their own files, each asked and then made to go.
  local file id
  for file in slurmd slurmctld munged; do
    [ -s "$dir/$file.pid" ] || continue
    id=$(cat "$dir/$file.pid")
    kill "$id" 2>/dev/null || continue
    for _ in $(seq 50); do
      kill -0 "$id" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$id" 2>/dev/null || true
  done
}

start() {
  local cpus=${1:-2} host user
  for program in munged slurmctld slurmd sbatch squeue; do
    command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin:/sbin
    command -v "$program" >/dev/null || absent "$program is not installed (see the head of $0)"
  done
  [ "$(id -u)" = 0 ] || absent "slurmd needs root"
  host=$(hostname -s)
  user=$(id -un)
  mkdir -p "$dir"/{state,spool,munge}
  chmod 700 "$dir/munge"
  head -c 128 /dev/urandom >"$dir/munge/key"
  chmod 400 "$dir/munge/key"
  munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge/seed"
  # With an epilog, slurmd says that a job has left its node and the next one starts at once. Without one slurmctld learns of it by
  # the answer to another message, and waits for its next round, up to a second later.
  cat >"$dir/slurm.conf" <<CONF
ClusterName=conlab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmUser=$user
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
Epilog=$(type -P true)
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
MpiDefault=none
ReturnToService=2
MaxArraySize=20001
MaxJobCount=40000
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$dir/slurm.conf
  slurmctld -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for _ in $(seq 300); do
    if sinfo --noheader --format=%t 2>/dev/null | grep -q '^idle'; then
      echo "export SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  tail -n 20 "$dir"/*.log >&2
  stop
  absent "the node did not come up within 30 seconds; its logs are above"
}

[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
dir=$(mkdir -p "$2" && cd "$2" && pwd)
case $1 in
start) start "${3:-}" ;;
stop) stop ;;
*) echo "slurm: \`$1\`: expected start or stop" >&2; exit 2 ;;
esac
