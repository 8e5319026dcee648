# SPDX-License-Identifier: MPL-2.0
# Which packages the servers of an instance are of: "here" is this machine's own;
# "trixie" (Debian 13) is in a folder, which all instances share, and so is "sid",
# for the newest Ceph and Glance that Debian has.
# shellcheck shell=bash

release_names=(here trixie sid)
release_packages=(ceph-mon ceph-osd ceph-mgr ceph-common python3-rbd python3-rados keystone glance-api)

# What a command is prefixed with to run where the servers run.
in_release=()

# release_select RELEASE: sets $release, $release_root and $in_release.
release_select() {
    local sum
    [[ " ${release_names[*]} " == *" $1 "* ]] || die "--release: want one of: ${release_names[*]}; not $1"
    release=$1 release_root='' in_release=()
    if [[ $release != here ]]; then
        # what serves applications that no longer serve themselves
        [[ $release != sid ]] || release_packages+=(python3-waitress)
        # another folder for whatever is made in another way
        sum=$({ cat "$lab_home/lib/release-make"; printf '%s\n' "${release_packages[@]}"; } | sha256sum)
        release_root=$lab_root/$release-${sum:0:12}
        in_release=("$lab_home/lib/in-release" "$release_root" "$lab_root")
    fi
}

# Prints the address that this machine has Debian itself from: not the one of the
# security updates, nor of somebody else's packages.
release_mirror() {
    # shellcheck disable=SC2016 # apt puts it in
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        head -n 1 | grep .
}

# release_ready: make the folder where it is missing.
release_ready() {
    [[ -n $release_root && ! -d $release_root ]] || return 0
    release_make "$release" "$release_root" "$lab_root" "${release_packages[@]}"
    release_remove_old
}

# release_make RELEASE FOLDER LAB PACKAGE...: Debian RELEASE with the packages in
# FOLDER, and a place for the lab's folder LAB in it.  One that is not finished has
# another name.
release_make() {
    local start=$EPOCHREALTIME made=$1 folder=$2 lab=$3 log=$lab_root/$1.log mirror
    shift 3
    ((EUID == 0)) || command -v sudo >/dev/null ||
        die "only root can make the folder of Debian $made: do this as root, or install sudo"
    mkdir -p "$lab_root"
    exec 8>"$lab_root/$made.lock"
    flock -n 8 || { say "waiting for another lab that makes a folder of Debian $made"; flock 8; }
    if [[ ! -d $folder ]]; then
        say "$made: making a folder with Debian $made; takes minutes, once"
        mirror=$(release_mirror) || { as_root apt-get -q update >"$log" 2>&1 && mirror=$(release_mirror); } ||
            die "$made: apt has no repository of Debian on this machine; see /etc/apt/sources.list.d and $log"
        as_root rm -rf --one-file-system "$folder.new"
        if ! as_root "$lab_home/lib/release-make" "$made" "$folder.new" "$mirror" "$lab" \
            "$@" </dev/null >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            die "$made: the folder was not made; the log is $log"
        fi
        as_root mv "$folder.new" "$folder"
        say "$made: made ($(seconds_since "$start")); folder $folder"
    fi
    exec 8>&-
}

# release_remove_old: folders of other package lists that nothing runs in.
release_remove_old() {
    local folder
    for folder in "$lab_root/$release"-*; do
        if [[ -d $folder && $folder != "$release_root" ]] && ! release_in_use "$folder"; then
            as_root rm -rf --one-file-system "$folder"
        fi
    done
}

release_in_use() {
    local root
    for root in /proc/[0-9]*/root; do
        [[ ! $root -ef $1 ]] || return 0
    done
    return 1
}
