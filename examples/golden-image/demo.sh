#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The golden-image example on the lab, from an empty pool and back to it.
# `make demo` calls it with the lab's environment, CLI and PROVIDER; or MIRROR, a
# folder that a released provider is installed from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${CLI:?}" "${MIRROR=}" "${RBD_LAB:?}" "${RBD_LAB_FSID:?}" "${RBD_LAB_GUESTS:?}"

work=$(mktemp -d)
log=$work/log
applied=

cleanup() {
    local status=$?
    trap - EXIT
    if ((status)); then
        echo "failed; the end of its output:" >&2
        tail -n 40 "$log" >&2
    fi
    if [[ $applied ]]; then
        tf destroy -auto-approve >>"$log" 2>&1 ||
            { status=1; echo "could not destroy; state and log are in $work" >&2; exit 1; }
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$*"; }
quiet() { "$@" >>"$log" 2>&1; }
tf() { "$CLI" -chdir="$work/module" "$@"; }
# plan: a line for each resource that would change, and for each attribute of it
plan() {
    quiet tf plan -no-color -out=plan
    tf show -no-color plan | grep -E '^  # .* (must|will) be |^  [ ~+-]+ (drift|protected|guard|status) |^ +\+ "|^ +- "|^Plan:|^No changes'
}

# The provider as if it had been released: both command lines look for it under
# their own registry's name.
if [[ ! $MIRROR ]]; then
    MIRROR=$work/mirror
    version=0.1.0
    platform=$(go env GOOS)_$(go env GOARCH)
    for host in registry.terraform.io registry.opentofu.org; do
        folder=$MIRROR/$host/terraform-provider-rbd/rbd/$version/$platform
        mkdir -p "$folder"
        cp "${PROVIDER:?}" "$folder/terraform-provider-rbd_v$version"
    done
fi
cat >"$work/cli.tfrc" <<TEXT
provider_installation {
  filesystem_mirror {
    path = "$MIRROR"
  }
}
TEXT
export TF_CLI_CONFIG_FILE=$work/cli.tfrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
mkdir "$work/module"
cp ./*.tf "$work/module/"
name=demo-debian-12
export TF_VAR_name=$name TF_VAR_fsid=$RBD_LAB_FSID TF_VAR_source_file=$RBD_LAB_GUESTS/tiny-ext4-compressed.qcow2

glance() { # glance PATH: GET of Glance as the lab's user
    /usr/bin/python3 ../../lab/glance-get "$1"
}

step "source: a compressed qcow2"
qemu-img info "$TF_VAR_source_file" | grep -E '^(file format|virtual size|disk size)'

step "apply: convert and grow, edit files, snapshot and protect, register in Glance"
quiet tf init
applied=yes
SECONDS=0
quiet tf apply -auto-approve
echo "done in $SECONDS s"
tf output -no-color
id=$(tf output -raw glance_image_id)

step "what Glance says of the image"
glance "/v2/images/$id" |
    /usr/bin/python3 -c 'import json, sys
image = json.load(sys.stdin)
for key in ("name", "status", "disk_format", "container_format", "size", "min_disk", "visibility", "tags", "os_type"):
    print(f"{key:17} {image.get(key)}")
for location in image.get("locations", []):
    print("location         ", location["url"])'

step "the lineage in RBD"
rbd ls -l images | grep -E "^NAME|$name"

step "it boots (a throw-away overlay of the snapshot)"
../../lab/boot "rbd:$(tf output -raw snapshot)" TINY-READY >"$work/console" || { tail -n 15 "$work/console" >&2; exit 1; }
grep -E '^TINY-(FSTAB|READY)' "$work/console"

step "a second plan"
plan

step "behind our back: a line in /etc/fstab (guestfish), the snapshot unprotected (guard and all)"
quiet env LIBGUESTFS_BACKEND_SETTINGS=force_tcg guestfish <<TEXT
add-drive images/$name format:raw protocol:rbd username:terraform
run
mount /dev/sda1 /
write-append /etc/fstab "LABEL=gone /data ext4 defaults 0 2\n"
TEXT
guard=$(rbd children "$(tf output -raw snapshot)")
quiet rbd rm "$guard"
quiet rbd snap unprotect "$(tf output -raw snapshot)"
plan

step "apply: put right, nothing replaced"
quiet tf apply -auto-approve
plan

step "destroy"
quiet tf destroy -auto-approve
applied=
left=$(rbd ls images | grep -E "$name|$id" || true)
echo "left in RBD: ${left:-nothing}"
left=$(glance "/v2/images?name=$name" | grep -o '"id"[^,]*' || true)
echo "left in Glance: ${left:-nothing}"
