# Two data centers in one configuration. Each release is built once, in dc1: converted,
# booted, registered there. Its snapshot is copied to dc2, booted and registered there
# too, under the same name. Another `current` is an update in place in both, back as
# well as forth.
#
# A release goes to dc2 only when dc1 has it. While dc2 can't be reached, dc1 goes on
# with `terraform apply -target=module.dc1`; the next apply without -target brings dc2
# up to date. While dc1 can't be reached, this configuration does nothing in dc2: where
# dc2 must go on by itself, give each data center a state of its own, as
# examples/one-root-per-data-center does.
#
# A cluster with another fsid than the one that is meant fails the plan, and nothing is
# done in either.

terraform {
  required_version = ">= 1.10"

  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

variable "dc1" {
  description = "The data center that builds: its cluster, and its cloud in clouds.yaml."
  type = object({
    fsid      = string
    conf_file = string
    user      = optional(string, "terraform")
    cloud     = string
    pool      = optional(string, "images")
  })
}

variable "dc2" {
  description = "The data center that gets copies."
  type = object({
    fsid      = string
    conf_file = string
    user      = optional(string, "terraform")
    cloud     = string
    pool      = optional(string, "images")
  })
}

variable "name" {
  description = "Name of the images, in Glance and in RBD."
  type        = string
  default     = "debian-12"
}

variable "releases" {
  description = "qcow2 file of each release, and what its console shows when it is up. Keys must sort by age."
  type = map(object({
    file            = string
    console_pattern = optional(string)
  }))
}

variable "current" {
  description = "The release that `openstack image list` shows in both."
  type        = string
}

variable "keep" {
  description = "How many releases stay."
  type        = number
  default     = 3
}

provider "rbd" {
  alias = "dc1"
  ceph = {
    conf_file = var.dc1.conf_file
    user      = var.dc1.user
    fsid      = var.dc1.fsid
  }
  openstack = {
    cloud = var.dc1.cloud
  }
}

provider "rbd" {
  alias = "dc2"
  ceph = {
    conf_file = var.dc2.conf_file
    user      = var.dc2.user
    fsid      = var.dc2.fsid
  }
  openstack = {
    cloud = var.dc2.cloud
  }
}

module "dc1" {
  # outside of this repository: "github.com/terraform-provider-rbd/terraform-provider-rbd//modules/golden-image?ref=v0.1.0"
  source    = "../../modules/golden-image"
  providers = { rbd = rbd.dc1 }

  name       = var.name
  image_name = var.name
  data_center = {
    fsid = var.dc1.fsid
    pool = var.dc1.pool
    keep = var.keep
  }
  current = var.current
  releases = { for key, release in var.releases : key => {
    source     = { file = release.file, format = "qcow2" }
    boot_check = release.console_pattern == null ? null : { console_pattern = release.console_pattern }
  } }
}

# rbd export, rbd import; what dc1 does not keep goes here, too
resource "rbd_image_replica" "dc2" {
  for_each = module.dc1.releases
  provider = rbd.dc2
  pool     = var.dc2.pool
  name     = "${var.name}-${each.key}"

  source = {
    snapshot  = each.value.snapshot
    conf_file = var.dc1.conf_file
    user      = var.dc1.user
    fsid      = var.dc1.fsid
  }
}

resource "rbd_guest_boot_check" "dc2" {
  for_each        = { for key in keys(module.dc1.releases) : key => var.releases[key] if var.releases[key].console_pattern != null }
  provider        = rbd.dc2
  snapshot        = rbd_image_replica.dc2[each.key].snapshot
  console_pattern = each.value.console_pattern

  lifecycle {
    create_before_destroy = true
  }
}

resource "rbd_glance_image_location" "dc2" {
  for_each = module.dc1.releases
  provider = rbd.dc2
  snapshot = var.releases[each.key].console_pattern != null ? rbd_guest_boot_check.dc2[each.key].spec : rbd_image_replica.dc2[each.key].snapshot
  name     = each.value.name
  hidden   = each.value.hidden

  lifecycle {
    create_before_destroy = true
  }
}

output "image_ids" {
  description = "IDs of all releases in Glance, by data center."
  value = {
    dc1 = { for key, release in module.dc1.releases : key => release.image_id }
    dc2 = { for key, record in rbd_glance_image_location.dc2 : key => record.image_id }
  }
}
