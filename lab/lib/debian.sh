# SPDX-License-Identifier: MPL-2.0
# A Debian as it comes out of an installer, for what only a real guest shows.
# shellcheck shell=bash

# debian_guest: make it, and the packages to install in it, in $lab_root/guests;
# again only when the way it is made changes.
debian_guest() {
    local start=$EPOCHREALTIME key folder=$lab_root/guests log=$lab_root/debian-12.log mirror
    key=$(cat "$lab_home/lib/debian-make" "$lab_home/guest/grub-bios.py" | sha256sum)
    mkdir -p "$folder"
    exec 8>"$lab_root/debian-12.lock"
    flock 8
    if [[ $(cat "$folder/.debian-12.key" 2>/dev/null) == "$key" ]]; then
        say "debian-12: built already, in $folder"
        return
    fi
    ((EUID == 0)) || command -v sudo >/dev/null ||
        die "only root can make the guest debian-12: do this as root, or install sudo"
    say "debian-12: making a guest with Debian 12; takes minutes, once"
    mirror=$(release_mirror) || { as_root apt-get -q update >"$log" 2>&1 && mirror=$(release_mirror); } ||
        die "debian-12: apt has no repository of Debian on this machine; see /etc/apt/sources.list.d and $log"
    rm -f "$folder/.debian-12.key"
    as_root rm -rf --one-file-system "$folder/.debian-12"
    mkdir "$folder/.debian-12"
    if ! as_root "$lab_home/lib/debian-make" "$folder/.debian-12" "$mirror" </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "debian-12: it was not made; the log is $log"
    fi
    as_root chown -R "$EUID" "$folder/.debian-12"
    rm -rf "$folder/debian-12-packages"
    mv "$folder"/.debian-12/* "$folder/"
    rmdir "$folder/.debian-12"
    printf '%s\n' "$key" >"$folder/.debian-12.key"
    say "debian-12: built ($(seconds_since "$start"))"
}
