# SPDX-License-Identifier: MPL-2.0
# Glance on SQLite, with the pool "images" as its one store.
# shellcheck shell=bash

glance_write_conf() {
    local g=$dir/glance
    mkdir -p "$g"/{staging,tasks,policy.d}
    cat >"$g/glance-api.conf" <<CONF
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $port_glance
# 0: one process, which is then the one that is stopped
workers = 0
log_file = $dir/log/glance.log
use_stderr = false
enabled_backends = rbd:rbd
show_image_direct_url = True
show_multiple_locations = True
[database]
connection = sqlite:///$g/glance.sqlite
[keystone_authtoken]
www_authenticate_uri = $(keystone_url)
auth_url = $(keystone_url)
auth_type = password
username = glance
password = $(cat "$dir/keystone/password.glance")
project_name = service
user_domain_id = default
project_domain_id = default
[paste_deploy]
flavor = keystone
config_file = /usr/share/glance-common/glance-api-paste.ini
[oslo_policy]
policy_dirs = $g/policy.d
[glance_store]
default_backend = rbd
[rbd]
rbd_store_ceph_conf = $dir/ceph.conf
rbd_store_pool = images
rbd_store_user = glance
[os_glance_staging_store]
filesystem_store_datadir = $g/staging
[os_glance_tasks_store]
filesystem_store_datadir = $g/tasks
CONF
}

# An image list of the ordinary user: Glance, its database and its way to Keystone.
glance_answers() {
    local token
    token=$(keystone_token) || return 1
    curl -sf --max-time 5 -H @- "http://127.0.0.1:$port_glance/v2/images?limit=1" <<<"X-Auth-Token: $token"
}

glance_start() {
    port_free glance "$port_glance"
    if [[ -n $release_root && -e $release_root/usr/lib/python3/dist-packages/glance/wsgi/api.py ]]; then
        cp "$lab_home/lib/wsgi-serve" "$dir/glance/" # where the release sees it
        OS_GLANCE_CONFIG_DIR=$dir/glance daemon_start glance "${in_release[@]}" \
            python3 "$dir/glance/wsgi-serve" glance.wsgi.api "$port_glance"
    else
        daemon_start glance "${in_release[@]}" glance-api --config-file "$dir/glance/glance-api.conf"
    fi
}

# Needs no other component: runs beside the start of Ceph and Keystone.
glance_create_database() {
    local db=$dir/glance/glance.sqlite
    mkdir -p "$dir/glance"
    printf '[database]\nconnection = sqlite:///%s\n' "$db" >"$dir/glance/database.conf"
    run_step glance "${in_release[@]}" glance-manage --config-file "$dir/glance/database.conf" db_sync
    run_step glance sqlite3 "$db" 'PRAGMA journal_mode=WAL'
}

# glance_up: Ceph and Keystone are there.
glance_up() {
    local start=$EPOCHREALTIME
    if [[ ! -e $dir/glance/created ]] || ! component_recovers glance; then
        daemon_stop glance
        glance_write_conf
        glance_start
    fi
    wait_for glance "the image list of the user terraform" glance_answers
    touch "$dir/glance/created"
    say "glance: up ($(seconds_since "$start"))"
}
