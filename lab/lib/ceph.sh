# SPDX-License-Identifier: MPL-2.0
# One mon, one mgr and one OSD that keeps its objects in memory.
# shellcheck shell=bash

ceph_pools=(images vms volumes)
ceph_users=(admin glance nova terraform)

# The files a client needs.  Sections name the keyrings, so that CEPH_CONF and
# --id are enough; there is no log file and no admin socket of clients.
ceph_write_client_conf() {
    local user
    {
        printf '[global]\nfsid = %s\n' "$(cat "$dir/fsid")"
        printf 'mon_host = [v2:127.0.0.1:%d,v1:127.0.0.1:%d]\n' "$port_mon" "$port_mon_v1"
        for user in "${ceph_users[@]}"; do
            printf '\n[client.%s]\nkeyring = %s\n' "$user" "$dir/ceph.client.$user.keyring"
        done
    } >"$dir/ceph.conf"
}

ceph_write_server_conf() {
    cat >"$dir/ceph/server.conf" <<CONF
[global]
fsid = $(cat "$dir/fsid")
mon_host = [v2:127.0.0.1:$port_mon,v1:127.0.0.1:$port_mon_v1]
public_network = 127.0.0.0/8
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = $port_ceph_min
ms_bind_port_max = $port_ceph_max
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = $dir/ceph/keyring
run_dir = $dir/run
admin_socket = $dir/run/ceph-\$type.asok
log_file = $dir/log/ceph-\$type.log
crash_dir = $dir/ceph
mon_cluster_log_file = $dir/log/ceph-cluster.log
# one OSD, so one copy
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
# 200 s: tests stop the OSD for a while, and where a lease runs out meanwhile and
# no other OSD is there, the PG stays laggy and answers nobody any more
osd_pool_default_read_lease_ratio = 10

[mon]
mon_data = $dir/ceph/mon
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
# a health without warnings about what is meant to be so
mon_warn_on_pool_no_redundancy = false
auth_allow_insecure_global_id_reclaim = false
mon_data_avail_warn = 1
mon_data_avail_crit = 0
# no module that listens somewhere
mgr_initial_modules = iostat

[mgr]
mgr_data = $dir/ceph/mgr
mgr_stats_period = 1

[osd]
osd_data = $dir/ceph/osd
osd_objectstore = memstore
memstore_device_bytes = $((8 << 30))
# one thread: in a store in memory, one that trims snapshots crashes when another
# writes to the list of their objects, which all PGs share
osd_op_num_shards = 1
osd_op_num_threads_per_shard = 1
crush_location = root=default host=lab
# SIGTERM writes the memory to osd_data, so that a restart keeps the images
osd_fast_shutdown = false
CONF
}

# The keys of daemons and users.  The mon takes over the whole keyring when it
# is created, which saves one "ceph auth" call per user.
ceph_write_keyrings() {
    local all=$dir/ceph/keyring user
    local rbd_mon="profile rbd" rbd_mgr="profile rbd"
    run_step ceph-mon ceph-authtool "$all" --create-keyring --gen-key -n mon. --cap mon 'allow *'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n mgr.x --cap mon 'profile mgr' --cap osd 'allow *' --cap mds 'allow *'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n osd.0 --cap mon 'profile osd' --cap mgr 'profile osd' --cap osd 'allow *'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n client.admin \
        --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *' --cap mgr 'allow *'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n client.glance \
        --cap mon "$rbd_mon" --cap mgr "$rbd_mgr" --cap osd 'profile rbd pool=images'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n client.nova \
        --cap mon "$rbd_mon" --cap mgr "$rbd_mgr" \
        --cap osd 'profile rbd pool=vms, profile rbd pool=volumes, profile rbd-read-only pool=images'
    run_step ceph-mon ceph-authtool "$all" --gen-key -n client.terraform \
        --cap mon "$rbd_mon" --cap mgr "$rbd_mgr" \
        --cap osd 'profile rbd pool=images, profile rbd pool=vms, profile rbd pool=volumes, profile rbd pool='"$mirror_pool"
    for user in "${ceph_users[@]}"; do
        printf '[client.%s]\n\tkey = %s\n' "$user" "$(ceph-authtool "$all" --print-key -n "client.$user")" \
            >"$dir/ceph.client.$user.keyring"
    done
}

ceph_admin() { timeout --foreground 10 ceph --connect-timeout 5 --conf "$dir/ceph.conf" --id admin "$@"; }

# What each daemon must be able to do, as a client sees it.
ceph_mon_answers() { ceph_admin mon stat; }
ceph_mgr_answers() { ceph_admin pg stat; }
ceph_osd_answers() {
    local pool
    for pool in "${ceph_pools[@]}"; do
        timeout --foreground 5 rbd --conf "$dir/ceph.conf" --id admin ls "$pool" || return 1
    done
}
# No PG in another state than active+clean, and at least one of them.
ceph_pgs_clean() {
    ceph_admin pg stat --format json | /usr/bin/python3 -c '
import json, sys
states = json.load(sys.stdin)["pg_summary"]["num_pg_by_state"]
sys.exit([s["name"] for s in states] != ["active+clean"])'
}

ceph_start_mon() {
    port_free ceph-mon "$port_mon" "$port_mon_v1"
    daemon_start ceph-mon "${in_release[@]}" ceph-mon -f -i a -c "$dir/ceph/server.conf"
}
ceph_start_mgr() { daemon_start ceph-mgr "${in_release[@]}" ceph-mgr -f -i x -c "$dir/ceph/server.conf"; }
ceph_start_osd() {
    touch "$dir/ceph/osd-started"
    daemon_start ceph-osd "${in_release[@]}" ceph-osd -f -i 0 -c "$dir/ceph/server.conf"
}

# The OSD writes its memory to disk when it ends by SIGTERM.  After anything
# else the images are gone, and PGs that the mon believes in don't exist.
# Succeeds when a created cluster is still worth starting.
ceph_osd_has_its_memory() {
    daemon_pid ceph-osd >/dev/null || [[ $dir/ceph/osd/collections -nt $dir/ceph/osd-started ]]
}

ceph_create() {
    local server=$dir/ceph/server.conf uuid pool ciphers=()
    mkdir -p "$dir"/ceph/{mon,mgr,osd}
    [[ -s $dir/fsid ]] || cat /proc/sys/kernel/random/uuid >"$dir/fsid"
    ceph_write_client_conf
    ceph_write_server_conf
    ceph_write_keyrings
    # since 20.2.4 a new cluster answers only clients that know its new cipher
    "${in_release[@]}" monmaptool --help 2>&1 | grep -q auth-allowed-ciphers && ciphers=(
        --auth-allowed-ciphers 'aes,aes256k' --auth-service-cipher aes --auth-preferred-cipher aes)
    run_step ceph-mon "${in_release[@]}" monmaptool --create "${ciphers[@]}" --fsid "$(cat "$dir/fsid")" \
        --addv a "[v2:127.0.0.1:$port_mon,v1:127.0.0.1:$port_mon_v1]" "$dir/ceph/monmap"
    run_step ceph-mon "${in_release[@]}" ceph-mon --mkfs -i a -c "$server" --monmap "$dir/ceph/monmap" --keyring "$dir/ceph/keyring"
    ceph_start_mon
    wait_for ceph-mon "the mon to answer" ceph_mon_answers
    ceph_start_mgr
    uuid=$(cat /proc/sys/kernel/random/uuid)
    run_step ceph-osd ceph --conf "$dir/ceph.conf" --id admin osd new "$uuid" 0
    run_step ceph-osd "${in_release[@]}" ceph-osd --mkfs -i 0 -c "$server" --osd-uuid "$uuid"
    ceph_start_osd
    for pool in "${ceph_pools[@]}"; do
        run_step ceph-osd ceph --conf "$dir/ceph.conf" --id admin osd pool create "$pool"
    done
    for pool in "${ceph_pools[@]}"; do
        run_step ceph-osd rbd --conf "$dir/ceph.conf" --id admin pool init "$pool"
    done
}

# ceph_up: create what is not there, start what does not answer.
ceph_up() {
    local start=$EPOCHREALTIME
    if [[ ! -e $dir/ceph/created ]]; then
        ceph_create
    else
        component_recovers ceph-mon || { daemon_stop ceph-mon; ceph_start_mon; }
        wait_for ceph-mon "the mon to answer" ceph_mon_answers
        component_recovers ceph-mgr || { daemon_stop ceph-mgr; ceph_start_mgr; }
        component_recovers ceph-osd || { daemon_stop ceph-osd; ceph_start_osd; }
    fi
    wait_for ceph-mgr "the mgr to answer" ceph_mgr_answers
    wait_for ceph-osd "the OSD to answer" ceph_osd_answers
    wait_for ceph-osd "PGs to be active+clean" ceph_pgs_clean
    touch "$dir/ceph/created"
    say "ceph: up ($(seconds_since "$start"))"
}
