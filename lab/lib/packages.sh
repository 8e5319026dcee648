# SPDX-License-Identifier: MPL-2.0
# The Debian packages of the lab.
# shellcheck shell=bash

packages_wanted=(
    # Ceph, and the headers go-ceph is built against
    ceph-mon ceph-osd ceph-mgr ceph-common librbd-dev librados-dev python3-rbd python3-rados rbd-mirror
    # images and guests
    qemu-utils qemu-block-extra qemu-system-x86 libguestfs-tools guestfs-tools libguestfs-xfs
    linux-image-cloud-amd64 busybox-static grub-pc-bin gdisk fdisk xfsprogs lvm2 cpio kmod xz-utils
    btrfs-progs ntfs-3g
    # guests that boot by UEFI, and those for arm64
    ovmf grub-efi-amd64-bin mtools dosfstools qemu-system-arm qemu-efi-aarch64
    # Keystone and Glance
    keystone glance-api uwsgi-plugin-python3 sqlite3
    # what these scripts call
    curl iproute2 python3 debootstrap
    # what recipes of the documentation call
    jq
)

packages_missing() {
    local package installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package} ' "${packages_wanted[@]}" 2>/dev/null) || true
    for package in "${packages_wanted[@]}"; do
        [[ " $installed" == *" installed $package "* ]] || printf '%s\n' "$package"
    done
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

# packages_apt PACKAGE...: install without any service being started.  In a
# subshell, whose end puts the machine's own policy back, also after Ctrl-C.
packages_apt() (
    policy=/usr/sbin/policy-rc.d
    saved=$policy.before-rbd-lab
    restore() {
        as_root rm -f "$policy"
        [[ ! -e $saved ]] || as_root mv "$saved" "$policy"
    }
    [[ ! -e $policy || -e $saved ]] || as_root mv "$policy" "$saved"
    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
            -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@"
) </dev/null

packages_install() {
    local missing start=$EPOCHREALTIME service log=$lab_root/packages.log
    command -v apt-get dpkg-query >/dev/null || die "the lab needs Debian 12 or 13 (there is no apt-get here)"
    mapfile -t missing < <(packages_missing)
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || command -v sudo >/dev/null ||
        die "as root, install these packages: ${missing[*]}"

    say "packages: installing ${missing[*]}"
    mkdir -p "$lab_root"
    if ! packages_apt "${missing[@]}" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "packages: apt-get failed; the log is $log"
    fi
    # The lab runs its own; those of the packages shall not come with the next boot.
    for service in keystone glance-api; do
        if [[ " ${missing[*]} " == *" $service "* ]]; then
            as_root update-rc.d "$service" disable >>"$log" 2>&1
        fi
    done
    say "packages: installed ($(seconds_since "$start"))"
}
