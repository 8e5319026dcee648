# SPDX-License-Identifier: MPL-2.0
# Shared by the parts of lab: messages, time limits, and daemons without systemd.
# shellcheck shell=bash

umask 077 # everything below the data folder is either a key or next to one
lab_root=${RBD_LAB_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/rbd-lab}
time_limit=${RBD_LAB_TIMEOUT:-120}

# A shell that has evaluated "lab env", or that works on a real cloud, must not
# steer what is done to this instance.
unset CEPH_CONF CEPH_ARGS CEPH_KEYRING "${!OS_@}"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
# Daemons and system tools live there, and Debian's Python packages need
# Debian's own python3.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { printf '%s\n' "$*"; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

# seconds_since START: time since $EPOCHREALTIME was START, like "3.4 s".
seconds_since() {
    local us=$((${EPOCHREALTIME/./} - ${1/./}))
    printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10))
}

# fail_component NAME MESSAGE: end this step, showing where to look.
fail_component() {
    local log=$dir/log/$1.log
    {
        printf 'lab: %s: %s\n' "$1" "$2"
        if [[ -s $log ]]; then
            printf -- '--- last lines of %s\n' "$log"
            tail -n 15 "$log"
            printf -- '---\n'
        fi
        printf 'lab: the log is %s\n' "$log"
    } >&2
    exit 1
}

# daemon_pid COMPONENT: prints its process id; fails when it does not run.
# A process id may have been given to somebody else since, so the command line
# must name this instance's folder.
daemon_pid() {
    local pid cmdline
    {
        pid=$(cat "$dir/run/$1.pid") && [[ -n $pid ]] &&
            cmdline=$(tr '\0' ' ' <"/proc/$pid/cmdline") && [[ $cmdline == *"$dir/"* ]]
    } 2>/dev/null || return 1
    printf '%s\n' "$pid"
}

# process_gone PID: nothing is left of it but perhaps an entry for its parent.
process_gone() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
    [[ -z $state || $state == [ZX]* ]]
}

# daemon_start COMPONENT COMMAND...: start a foreground daemon in a session of
# its own.  It gets no stdin, and none of our descriptors: one that kept the
# lock file open would hold the lock for as long as it lives.
daemon_start() {
    local component=$1
    shift
    (
        local fd
        for fd in /proc/"$BASHPID"/fd/*; do
            fd=${fd##*/}
            if ((fd > 2)); then exec {fd}>&-; fi
        done
        cd /
        printf '%s\n' "$BASHPID" >"$dir/run/$component.pid"
        exec setsid "$@"
    ) </dev/null >>"$dir/log/$component.log" 2>&1 &
    # until it has become COMMAND, daemon_pid would not recognise it
    until daemon_pid "$component" >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
}

# daemon_stop COMPONENT [SIGNAL]: wait until it is gone; SIGKILL after 5 s, but
# leave an OSD under load the time to save its memory.
daemon_stop() {
    local pid i grace=50
    if [[ $1 == ceph-osd ]]; then grace=600; fi
    if pid=$(daemon_pid "$1"); then
        kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
        kill -s CONT "$pid" 2>/dev/null || true # it may have been suspended
        for ((i = 0; i < grace; i++)); do
            ! process_gone "$pid" || break
            sleep 0.1
        done
        if ! process_gone "$pid"; then
            kill -s KILL "$pid" 2>/dev/null || true
            until process_gone "$pid"; do sleep 0.1; done
        fi
    fi
    rm -f "$dir/run/$1.pid"
}

# wait_for COMPONENT WHAT COMMAND...: until COMMAND succeeds, the daemon dies,
# or the time that "up" has is over.
wait_for() {
    local component=$1 what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        daemon_pid "$component" >/dev/null || fail_component "$component" "ended while waiting for $what"
        ((EPOCHSECONDS < deadline)) || fail_component "$component" "$what: not within $time_limit s"
        sleep 0.1
    done
}

# run_step COMPONENT COMMAND...: a command whose output belongs in the log.
# --foreground: in a process group of its own it would survive steps_abort.
run_step() {
    local component=$1 left=$((deadline - EPOCHSECONDS))
    shift
    timeout --foreground $((left > 1 ? left : 1)) "$@" >>"$dir/log/$component.log" 2>&1 </dev/null ||
        fail_component "$component" "failed: $*"
}

# port_free COMPONENT PORT...: nobody else listens there.  The threads of a
# daemon that has just ended may hold its port a moment longer.
port_free() {
    local component=$1 port user i
    shift
    for port; do
        for ((i = 0; i < 20; i++)); do
            user=$(ss -Hltnp "sport = :$port")
            [[ -n $user ]] || continue 2
            sleep 0.1
        done
        die "$component: port $port is in use: $user
lab: stop that process, or take another instance name (--name), which has other ports"
    done
}

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
