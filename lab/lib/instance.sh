# SPDX-License-Identifier: MPL-2.0
# One instance: its name, ports and folder, and what is done to all of it.
# shellcheck shell=bash

components=(ceph-mon ceph-mgr ceph-osd keystone glance)

# instance_components: those of an instance that has nothing but Ceph.
instance_components() {
    if [[ -e $dir/only-ceph ]]; then components=(ceph-mon ceph-mgr ceph-osd); fi
}

# instance_select NAME [RELEASE]: sets $name, $dir, the release and the ports.
# Ports follow from the name alone, 40 per instance, below the range that clients'
# sockets use.
instance_select() {
    local slot base
    name=$1
    [[ $name =~ ^[a-z][a-z0-9-]{0,30}$ && $name != guests && ! $name =~ ^(trixie|sid)(-|$) ]] ||
        die "--name: want a lower case letter, then letters, digits or '-': $name"
    if [[ $name =~ ^dc([1-9][0-9]?)$ ]]; then
        slot=$((BASH_REMATCH[1] - 1))
    else
        slot=$(cksum <<<"$name")
        slot=$((100 + ${slot%% *} % 200))
    fi
    base=$((20000 + slot * 40))
    port_mon=$base port_mon_v1=$((base + 1))
    port_keystone=$((base + 2)) port_glance=$((base + 3))
    port_ceph_min=$((base + 4)) port_ceph_max=$((base + 39))
    dir=$lab_root/$name
    # a unix socket's path may have 107 bytes
    ((${#dir} < 80)) || die "the folder $dir is too long for Ceph's sockets: set RBD_LAB_DIR"
    made_release=$(cat "$dir/release" 2>/dev/null || printf here)
    # one that an older lab has written
    [[ " ${release_names[*]} " == *" $made_release "* ]] || made_release=here
    release_select "${2:-$made_release}"
    deadline=$((EPOCHSECONDS + time_limit))
}

# Only one "up" or "down" of an instance at a time.  The file is beside the
# folder, which "down" removes.
instance_lock() {
    mkdir -p "$lab_root"
    exec 9>"$lab_root/$name.lock"
    if ! flock -n 9; then
        say "waiting for another lab up or down of $name"
        flock -w "$time_limit" 9 || die "another lab up or down of $name does not end"
    fi
}

component_port() {
    case $1 in
        ceph-mon) printf '%s' "$port_mon,$port_mon_v1" ;;
        ceph-*) printf '%s' "$port_ceph_min-$port_ceph_max" ;;
        keystone) printf '%s' "$port_keystone" ;;
        glance) printf '%s' "$port_glance" ;;
    esac
}

# component_answers COMPONENT: it runs, and does what it is there for.
component_answers() {
    daemon_pid "$1" >/dev/null || return 1
    # nothing in Ceph can be asked without the mon
    [[ $1 != ceph-* ]] || daemon_pid ceph-mon >/dev/null || return 1
    case $1 in
        ceph-mon) ceph_mon_answers ;;
        ceph-mgr) ceph_mgr_answers ;;
        ceph-osd) ceph_osd_answers ;;
        keystone) keystone_answers ;;
        glance) glance_answers ;;
    esac >/dev/null 2>&1
}

# component_recovers COMPONENT: false at once when it does not run.  A process
# that runs may be busy or on its way up, so it has 20 s to answer: a restart
# breaks the work of whoever uses it.
component_recovers() {
    local until=$((EPOCHSECONDS + 20))
    while daemon_pid "$1" >/dev/null; do
        ! component_answers "$1" || return 0
        ((EPOCHSECONDS < until)) || return 1
        sleep 0.2
    done
    return 1
}

# Prints the components that don't answer.
instance_down_components() {
    local component
    for component in "${components[@]}"; do
        { component_answers "$component" || printf '%s\n' "$component"; } &
    done
    wait
}

# A checksum of the scripts that make an instance, and what release they make.
instance_version() {
    cat "${BASH_SOURCE[0]%/*}"/* | sha256sum | cut -c1-16
    [[ $release == here ]] || printf '%s\n' "$release_root"
}

# Writes what runs a command as the servers of the instance run, for tests that
# start servers with options of their own. It must not need this checkout, which
# may go before the instance does.
instance_write_exec() {
    if ((${#in_release[@]})); then install -m 700 "${in_release[0]}" "$dir/in-release"; fi
    {
        printf '#!/bin/sh\nunset CEPH_CONF CEPH_ARGS\nexec'
        if ((${#in_release[@]})); then printf ' %q' "$dir/in-release" "${in_release[@]:1}"; fi
        printf ' "$@"\n'
    } >"$dir/exec"
    chmod 700 "$dir/exec"
}

# What a stopped "up" left half-made is made again from nothing; so is Ceph when
# its memory is lost, and then Glance, whose records point into Ceph.  What other
# scripts than these have made is not mended, but all of it made again.
instance_clean_leftovers() {
    local component version
    version=$(instance_version)
    if [[ -e $dir/version && $(<"$dir/version") != "$version" || ! -e $dir/version && -d $dir/ceph ]]; then
        say "$name: made by another version of the lab, or of another release; making it again from nothing"
        rm -f "$dir"/{ceph,keystone,glance}/created
    fi
    printf '%s\n' "$version" >"$dir/version"
    if [[ -e $dir/ceph/created ]] && ! ceph_osd_has_its_memory; then
        say "ceph: the OSD was killed and its memory is lost; making an empty cluster again"
        rm -f "$dir/ceph/created"
    fi
    if [[ ! -e $dir/ceph/created ]]; then
        for component in rbd-mirror ceph-mgr ceph-osd ceph-mon; do daemon_stop "$component" KILL; done
        rm -rf "$dir/ceph" "$dir/glance/created"
    fi
    if [[ ! -e $dir/keystone/created ]]; then
        daemon_stop keystone
        rm -rf "$dir/keystone" "$dir/glance/created"
    fi
    if [[ ! -e $dir/glance/created ]]; then
        daemon_stop glance
        rm -rf "$dir/glance"
    fi
}

# step FUNCTION: run it in the background in a process group of its own, so
# that Ctrl-C can end it with all its children.
step() {
    set -m
    (set +m -e; "$@") </dev/null &
    set +m
    steps+=($!)
}

# The first step that fails ends the others.
steps_wait() {
    local _
    for _ in "${steps[@]}"; do wait -n || exit 1; done
    steps=()
}

steps_abort() {
    local pid
    trap - EXIT
    for pid in "${steps[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
}

instance_up() {
    local start=$EPOCHREALTIME down made=$dir/glance/created
    packages_install
    release_ready
    instance_lock
    rm -f "$dir/only-ceph"
    # one that has the rest too keeps it
    if [[ -n $only_ceph && ! -e $made ]]; then
        mkdir -p "$dir"
        : >"$dir/only-ceph"
        made=$dir/ceph/created
    fi
    instance_components
    if [[ -e $made && $release == "$made_release" ]]; then
        down=$(instance_down_components)
        if [[ -z $down ]]; then
            say "$name: up ($(seconds_since "$start"))"
            return
        fi
        say "$name: not answering: ${down//$'\n'/ }"
    fi
    deadline=$((EPOCHSECONDS + time_limit))
    steps=()
    trap steps_abort EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir -p "$dir"/{run,log}
    instance_clean_leftovers
    printf '%s\n' "$release" >"$dir/release"
    instance_write_exec
    step ceph_up
    if [[ ! -e $dir/only-ceph ]]; then
        step keystone_up
        if [[ ! -e $dir/glance/created ]]; then step glance_create_database; fi
        steps_wait
        step glance_up
    fi
    steps_wait
    say "$name: up ($(seconds_since "$start")); folder $dir"
}

instance_down() {
    local start=$EPOCHREALTIME component
    [[ -d $dir ]] || { say "$name: is not there"; return; }
    # all of it will be removed, so be sure that it is ours
    [[ -d $dir/run && -d $dir/log ]] || die "$dir is no folder of the lab"
    instance_lock
    daemon_stop rbd-mirror
    daemon_stop glance
    daemon_stop keystone
    # the data goes anyway, so Ceph need not save it
    for component in ceph-osd ceph-mgr ceph-mon; do daemon_stop "$component" KILL; done
    rm -rf "$dir"
    say "$name: down, data removed ($(seconds_since "$start"))"
}

instance_status() {
    local component down state status=0
    instance_components
    down=$(instance_down_components)
    for component in "${components[@]}"; do
        state=up
        if [[ $'\n'$down$'\n' == *$'\n'$component$'\n'* ]]; then state=down status=1; fi
        printf '%-9s %-5s port %-12s log %s\n' "$component" "$state" \
            "$(component_port "$component")" "$dir/log/$component.log"
    done
    return "$status"
}

instance_env() {
    [[ -s $dir/fsid && (-s $dir/clouds.yaml || -e $dir/only-ceph) ]] || die "$name is not there (lab up --name $name)"
    if [[ ! -e $dir/only-ceph ]]; then
        printf 'export %s=%q\n' \
            OS_CLIENT_CONFIG_FILE "$dir/clouds.yaml" \
            OS_CLOUD "$name"
    fi
    printf 'export %s=%q\n' \
        CEPH_CONF "$dir/ceph.conf" \
        CEPH_ARGS '--id terraform' \
        LIBGUESTFS_BACKEND direct \
        RBD_LAB "$dir" \
        RBD_LAB_FSID "$(cat "$dir/fsid")" \
        RBD_LAB_GUESTS "$lab_root/guests"
}
