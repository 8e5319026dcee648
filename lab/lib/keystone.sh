# SPDX-License-Identifier: MPL-2.0
# Keystone on SQLite, in one process.
# shellcheck shell=bash

keystone_url() { printf 'http://127.0.0.1:%d/v3' "$port_keystone"; }

keystone_manage() { run_step keystone "${in_release[@]}" keystone-manage --config-file "$dir/keystone/keystone.conf" "$@"; }

keystone_write_conf() {
    local k=$dir/keystone
    mkdir -p "$k"/{fernet,credential,policy.d}
    cat >"$k/keystone.conf" <<CONF
[DEFAULT]
log_file = $dir/log/keystone.log
use_stderr = false
[database]
connection = sqlite:///$k/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = $k/fernet
[fernet_receipts]
# not used, but fernet_setup would make its default in /etc/keystone
key_repository = $k/fernet
[credential]
key_repository = $k/credential
[identity]
# the least that bcrypt takes: these passwords are random and live on loopback
password_hash_rounds = 4
[oslo_policy]
policy_dirs = $k/policy.d
CONF
    cat >"$k/uwsgi.ini" <<CONF
[uwsgi]
http-socket = 127.0.0.1:$port_keystone
wsgi-file = /usr/bin/keystone-wsgi-public
env = OS_KEYSTONE_CONFIG_DIR=$k
env = OS_KEYSTONE_CONFIG_FILES=keystone.conf
processes = 1
threads = 8
need-app = true
die-on-term = true
buffer-size = 65535
# uwsgi closes the connection after each answer.  A client that is not told, or
# whose request was not read to its end, sees "connection reset" now and then.
add-header = Connection: close
post-buffering = 65536
log-5xx = true
disable-logging = true
CONF
}

# A password per user, so that nothing here opens anything elsewhere.
keystone_write_passwords() {
    local user
    for user in admin glance terraform other service; do
        printf '%s' "$(random_hex 16)" >"$dir/keystone/password.$user"
    done
}

# keystone_write_cloud CLOUD USER PROJECT: an entry for clouds.yaml.
keystone_write_cloud() {
    cat <<YAML
  $1:
    auth:
      auth_url: $(keystone_url)
      username: $2
      password: $(cat "$dir/keystone/password.$2")
      project_name: $3
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
    identity_api_version: 3
YAML
}

keystone_write_clouds() {
    {
        printf 'clouds:\n'
        keystone_write_cloud "$name" terraform demo
        keystone_write_cloud "$name-admin" admin admin
        keystone_write_cloud "$name-other" other other
        keystone_write_cloud "$name-service" service demo
    } >"$dir/clouds.yaml"
}

# The request body for a token of the ordinary user; in a file, as an argument
# would show the password to everybody on the machine.
keystone_write_login() {
    cat >"$dir/keystone/login.json" <<JSON
{"auth": {"identity": {"methods": ["password"], "password": {"user":
  {"name": "terraform", "domain": {"id": "default"}, "password": "$(cat "$dir/keystone/password.terraform")"}}},
  "scope": {"project": {"name": "demo", "domain": {"id": "default"}}}}}
JSON
}

# Prints a token of the ordinary user, so Keystone and its database work.
keystone_token() {
    curl -sf --max-time 5 -o /dev/null -D - -H 'Content-Type: application/json' \
        --data "@$dir/keystone/login.json" "$(keystone_url)/auth/tokens" |
        sed -n 's/^X-Subject-Token: *\([^[:space:]]*\).*/\1/ip' | grep .
}
keystone_answers() { keystone_token; }
keystone_listens() { curl -sf --max-time 2 "$(keystone_url)"; }

keystone_start() {
    port_free keystone "$port_keystone"
    if grep -q '^VERSION_CODENAME=bookworm$' "$release_root/etc/os-release"; then
        daemon_start keystone uwsgi_python3 --ini "$dir/keystone/uwsgi.ini"
    elif [[ ! -e $release_root/usr/bin/keystone-wsgi-public ]]; then
        cp "$lab_home/lib/wsgi-serve" "$dir/keystone/" # where the release sees it
        OS_KEYSTONE_CONFIG_DIR=$dir/keystone daemon_start keystone "${in_release[@]}" \
            python3 "$dir/keystone/wsgi-serve" keystone.wsgi.api "$port_keystone"
    else
        # uwsgi of Debian 13 resets the connection of whoever sends a POST
        daemon_start keystone "${in_release[@]}" python3 /usr/bin/keystone-wsgi-public \
            -b 127.0.0.1 -p "$port_keystone" -- --config-file "$dir/keystone/keystone.conf"
    fi
}

keystone_create() {
    keystone_write_conf
    keystone_write_passwords
    keystone_manage db_sync
    # without WAL a reader and a writer at the same time end in "database is locked"
    run_step keystone sqlite3 "$dir/keystone/keystone.sqlite" 'PRAGMA journal_mode=WAL'
    local who=("--keystone-user" "$(id -un)" "--keystone-group" "$(id -gn)")
    if [[ $release != here ]]; then who=(--keystone-user root --keystone-group root); fi # whoever it is outside
    keystone_manage fernet_setup "${who[@]}"
    keystone_manage credential_setup "${who[@]}"
    OS_BOOTSTRAP_PASSWORD=$(cat "$dir/keystone/password.admin") keystone_manage bootstrap \
        --bootstrap-region-id RegionOne --bootstrap-public-url "$(keystone_url)" \
        --bootstrap-internal-url "$(keystone_url)" --bootstrap-admin-url "$(keystone_url)"
    keystone_start
    wait_for keystone "the API to answer" keystone_listens
    run_step keystone /usr/bin/python3 "$lab_home/lib/keystone-users.py" \
        "$(keystone_url)" "http://127.0.0.1:$port_glance" "$dir/keystone"
    keystone_write_login
    keystone_write_clouds
}

keystone_up() {
    local start=$EPOCHREALTIME
    if [[ ! -e $dir/keystone/created ]]; then
        keystone_create
    elif ! component_recovers keystone; then
        daemon_stop keystone
        keystone_start
    fi
    wait_for keystone "a token for the user terraform" keystone_answers
    touch "$dir/keystone/created"
    say "keystone: up ($(seconds_since "$start"))"
}
