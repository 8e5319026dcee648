# Releases of a golden image: converted, grown, customized, edited, booted and
# registered, each with a snapshot of its own; one of them is current.

data "rbd_cluster" "this" {
  lifecycle {
    postcondition {
      condition     = self.fsid == var.data_center.fsid
      error_message = "The provider's cluster is ${self.fsid}, and data_center.fsid is ${var.data_center.fsid}: nothing was done in either."
    }
  }
}

locals {
  image_name = coalesce(var.image_name, replace(lower(var.name), "/[^a-z0-9.]+/", "-"))

  # the newest by their keys, and the current one
  newest   = slice(reverse(sort(keys(var.releases))), 0, min(coalesce(var.data_center.keep, length(var.releases)), length(var.releases)))
  releases = { for key, release in var.releases : key => release if contains(local.newest, key) || key == var.current }

  hide = var.data_center.retired == "hide"

  scs = var.scs == null ? {} : { for key in keys(local.releases) : key => { for name, value in {
    architecture        = var.scs.architecture
    os_distro           = var.scs.os_distro
    os_version          = var.scs.os_version
    os_purpose          = var.scs.os_purpose
    hw_disk_bus         = var.scs.hw_disk_bus
    hw_scsi_model       = var.scs.hw_disk_bus == "scsi" ? "virtio-scsi" : null
    hw_rng_model        = var.scs.hw_rng_model
    image_source        = var.scs.image_source
    image_description   = var.scs.image_description
    image_original_user = var.scs.image_original_user
    image_build_date    = coalesce(local.releases[key].build_date, key)
    replace_frequency   = var.scs.replace_frequency
    provided_until      = var.scs.provided_until
    uuid_validity       = var.scs.uuid_validity != null ? var.scs.uuid_validity : var.data_center.keep == null ? "notice" : "last-${var.data_center.keep}"
    hotfix_hours        = var.scs.hotfix_hours == null ? null : tostring(var.scs.hotfix_hours)
    patchlevel          = var.scs.patchlevel
    maintained_until    = var.scs.maintained_until
  } : name => value if value != null } }
}

# qemu-img convert -O raw, rbd resize
resource "rbd_image_conversion" "release" {
  for_each   = local.releases
  name       = "${local.image_name}-${each.key}"
  pool       = var.data_center.pool
  size       = each.value.size
  sparsify   = each.value.sparsify
  source     = each.value.source
  on_destroy = local.hide ? "retain" : "delete"

  # no step writes to another cluster than the one that is meant
  depends_on = [data.rbd_cluster.this]
}

# growpart, resize2fs
resource "rbd_guest_filesystem_growth" "release" {
  for_each = { for key, release in local.releases : key => release if release.grow }
  image    = rbd_image_conversion.release[each.key].spec
}

# virt-customize
resource "rbd_guest_customization" "release" {
  for_each         = { for key, release in local.releases : key => release.customization if release.customization != null }
  image            = local.releases[each.key].grow ? rbd_guest_filesystem_growth.release[each.key].spec : rbd_image_conversion.release[each.key].spec
  packages         = each.value.packages
  install          = each.value.install
  mkdir            = each.value.mkdir
  upload           = each.value.upload
  run              = each.value.run
  run_command      = each.value.run_command
  enable_services  = each.value.enable_services
  disable_services = each.value.disable_services
  delete           = each.value.delete
  hostname         = each.value.hostname
  timezone         = each.value.timezone
  selinux_relabel  = each.value.selinux_relabel
  network          = each.value.network
  triggers         = each.value.triggers
}

locals {
  customized = { for key, release in local.releases : key =>
    release.customization != null ? rbd_guest_customization.release[key].spec :
    release.grow ? rbd_guest_filesystem_growth.release[key].spec : rbd_image_conversion.release[key].spec
  }
}

# virt-sysprep, again after each customization
resource "rbd_guest_sysprep" "release" {
  for_each            = { for key, release in local.releases : key => release.sysprep if release.sysprep != null }
  image               = local.customized[each.key]
  operations          = each.value.operations
  disabled_operations = each.value.disabled_operations
  triggers            = { for step, customization in { customization = try(rbd_guest_customization.release[each.key].revision, null) } : step => customization if customization != null }
}

locals {
  prepared = { for key, release in local.releases : key =>
  release.sysprep != null ? rbd_guest_sysprep.release[key].spec : local.customized[key] }
}

# guestfish
resource "rbd_guest_file_edit" "release" {
  for_each = { for key, release in local.releases : key => release.files if release.files != null }
  image    = local.prepared[each.key]
  files    = each.value
}

locals {
  edited = { for key, release in local.releases : key =>
  release.files != null ? rbd_guest_file_edit.release[key].spec : local.prepared[key] }

  # What a snapshot is named by: another one where any step has another result.
  revisions = { for key, release in local.releases : key => compact([
    release.grow ? rbd_guest_filesystem_growth.release[key].revision : "",
    release.customization != null ? rbd_guest_customization.release[key].revision : "",
    release.sysprep != null ? rbd_guest_sysprep.release[key].revision : "",
    release.files != null ? rbd_guest_file_edit.release[key].revision : "",
  ]) }
}

# rbd snap create, rbd snap protect
resource "rbd_snapshot" "release" {
  for_each   = local.releases
  image      = local.edited[each.key]
  name       = length(local.revisions[each.key]) == 0 ? "golden" : "golden-${substr(sha256(join(" ", local.revisions[each.key])), 0, 12)}"
  on_destroy = local.hide ? "retain" : "delete"

  lifecycle {
    create_before_destroy = true
  }
}

# The first boot, on an overlay that is thrown away.
resource "rbd_guest_boot_check" "release" {
  for_each        = { for key, release in local.releases : key => release.boot_check if release.boot_check != null }
  snapshot        = rbd_snapshot.release[each.key].spec
  console_pattern = each.value.console_pattern
  failure_pattern = each.value.failure_pattern
  ssh_banner      = each.value.ssh_banner
  boot_timeout    = each.value.boot_timeout
  network         = each.value.network
  firmware        = each.value.firmware
  architecture    = each.value.architecture
  disk_bus        = each.value.disk_bus
  memory          = each.value.memory
  cpus            = each.value.cpus

  lifecycle {
    create_before_destroy = true
  }
}

# glance image-create --location rbd://…
resource "rbd_glance_image_location" "release" {
  for_each   = local.releases
  snapshot   = each.value.boot_check != null ? rbd_guest_boot_check.release[each.key].spec : rbd_snapshot.release[each.key].spec
  name       = each.key == var.current ? var.name : "${var.name} ${each.key}"
  hidden     = each.key != var.current
  visibility = var.data_center.visibility
  members    = var.data_center.members
  store      = var.data_center.store
  protection = var.data_center.protection
  min_disk   = each.value.min_disk
  min_ram    = each.value.min_ram != null ? each.value.min_ram : var.scs == null ? null : var.scs.min_ram
  tags       = each.value.tags
  properties = merge(try(local.scs[each.key], {}), each.value.properties)
  on_destroy = local.hide ? "hide" : "delete"

  lifecycle {
    create_before_destroy = true
  }
}
