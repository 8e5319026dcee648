# The Debian packages of the lab.
# shellcheck shell=bash

packages_wanted=(
    # Ceph, and the headers go-ceph is built against
    ceph-mon ceph-osd ceph-mgr ceph-common librbd-dev librados-dev python3-rbd python3-rados
    # images and guests
    qemu-utils qemu-block-extra qemu-system-x86 libguestfs-tools guestfs-tools libguestfs-xfs
    linux-image-cloud-amd64 busybox-static grub-pc-bin gdisk fdisk xfsprogs lvm2 cpio kmod
    # Keystone and Glance
    keystone glance-api uwsgi-plugin-python3 sqlite3
    # what these scripts call
    curl iproute2 python3
)

packages_missing() {
    local package
    for package in "${packages_wanted[@]}"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$package"
    done
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

packages_install() {
    local missing start=$EPOCHREALTIME policy=/usr/sbin/policy-rc.d saved= status=0 service
    command -v apt-get dpkg-query >/dev/null || die "the lab needs Debian 12 (there is no apt-get here)"
    mapfile -t missing < <(packages_missing)
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || command -v sudo >/dev/null ||
        die "as root, install these packages: ${missing[*]}"

    say "packages: installing ${#missing[@]} (${missing[*]})"
    # Some of these packages start a service when they are installed.  The lab
    # runs its own, so nothing may be started, now or at the next boot.
    if [[ -e $policy ]]; then
        saved=$policy.before-rbd-lab
        as_root mv "$policy" "$saved"
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    {
        as_root apt-get -q update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
                -o Dpkg::Use-Pty=0 --no-install-recommends install "${missing[@]}"
    } </dev/null || status=$?
    if [[ -n $saved ]]; then as_root mv "$saved" "$policy"; else as_root rm -f "$policy"; fi
    ((status == 0)) || die "apt-get failed; its messages are above"
    for service in keystone glance-api; do
        if [[ " ${missing[*]} " == *" $service "* ]]; then
            as_root update-rc.d "$service" disable
        fi
    done
    say "packages: installed ($(seconds_since "$start"))"
}
