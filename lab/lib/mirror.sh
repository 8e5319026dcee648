# SPDX-License-Identifier: MPL-2.0
# Snapshot mirroring of one pool between two instances, in both directions. Only
# what needs it starts it, and it touches no other pool.
# shellcheck shell=bash

mirror_pool=mirror

# mirror_select NAME: an instance that runs.
mirror_select() {
    instance_select "$1"
    if [[ ! -e $dir/ceph/created ]] || ! ceph_mon_answers >/dev/null 2>&1; then
        die "$1 is not there (lab up --only-ceph --name $1)"
    fi
}

mirror_rbd() { timeout --foreground 30 rbd --conf "$dir/ceph.conf" --id admin "$@"; }

# The pool, for client.terraform too, and the daemon's own user.
mirror_prepare() {
    local cap="profile rbd pool=$mirror_pool" osd
    if ! ceph_admin osd pool ls | grep -qx "$mirror_pool"; then
        run_step rbd-mirror ceph --conf "$dir/ceph.conf" --id admin osd pool create "$mirror_pool"
        run_step rbd-mirror rbd --conf "$dir/ceph.conf" --id admin pool init "$mirror_pool"
    fi
    osd=$(ceph_admin auth get client.terraform --format json 2>>"$dir/log/rbd-mirror.log" |
        /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["caps"]["osd"])')
    if [[ $osd != *"$cap"* ]]; then
        run_step rbd-mirror ceph --conf "$dir/ceph.conf" --id admin auth caps client.terraform \
            mon 'profile rbd' mgr 'profile rbd' osd "$osd, $cap"
    fi
    [[ $(mirror_rbd mirror pool info "$mirror_pool") == *"Mode: image"* ]] ||
        run_step rbd-mirror rbd --conf "$dir/ceph.conf" --id admin mirror pool enable --site-name "$name" "$mirror_pool" image
    ceph_admin auth get-or-create client.rbd-mirror.lab mon 'profile rbd-mirror' osd 'profile rbd' >"$dir/ceph/rbd-mirror.keyring"
}

# It looks for what is to be done every second, not every half minute.
mirror_start() {
    cat >"$dir/ceph/rbd-mirror.conf" <<CONF
[global]
fsid = $(cat "$dir/fsid")
mon_host = [v2:127.0.0.1:$port_mon,v1:127.0.0.1:$port_mon_v1]
keyring = $dir/ceph/rbd-mirror.keyring
run_dir = $dir/run
admin_socket = $dir/run/rbd-mirror-\$pid.\$cctid.asok
log_file = $dir/log/rbd-mirror.log
rbd_mirror_pool_replayers_refresh_interval = 1
rbd_mirror_image_state_check_interval = 1
rbd_mirror_image_policy_update_throttle_interval = 0.1
rbd_mirror_leader_heartbeat_interval = 1
CONF
    # it reads its configuration twice, the second time by its name in this folder
    daemon_start rbd-mirror env --chdir="$dir/ceph" rbd-mirror -f -n client.rbd-mirror.lab -c "$dir/ceph/rbd-mirror.conf"
}

mirror_has_peer() { [[ $(mirror_rbd mirror pool info "$mirror_pool") == *"UUID: "* ]]; }

# mirror_up NAME PEER
mirror_up() {
    local start=$EPOCHREALTIME one token
    packages_install
    # one at a time, whichever instances
    exec 8>"$lab_root/mirror.lock"
    flock -w "$time_limit" 8 || die "another lab mirror-up does not end"
    for one; do
        mirror_select "$one"
        mirror_prepare
    done
    if ! mirror_has_peer; then
        token=$(mktemp "$dir/ceph/bootstrap.XXXXXX")
        instance_select "$1"
        mirror_rbd mirror pool peer bootstrap create --site-name "$1" "$mirror_pool" >"$token"
        instance_select "$2"
        # it makes a peer of each in the other
        run_step rbd-mirror rbd --conf "$dir/ceph.conf" --id admin \
            mirror pool peer bootstrap import --site-name "$2" --direction rx-tx "$mirror_pool" "$token"
        rm -f "$token"
    fi
    for one; do
        instance_select "$one"
        daemon_pid rbd-mirror >/dev/null || mirror_start
    done
    say "mirror: up between $1 and $2 ($(seconds_since "$start"))"
}

mirror_down() {
    local one
    for one; do
        instance_select "$one"
        daemon_stop rbd-mirror
    done
    say "mirror: down"
}
