# Releases of a golden image: all of them are registered under one name, and one
# is current. Another `current` is another plan of two updates in place, back as
# well as forth: no image gets another ID, and no data moves.

terraform {
  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

variable "releases" {
  description = "qcow2 file of each release that is kept."
  type        = map(string)
}

variable "current" {
  description = "The release that `openstack image list` shows."
  type        = string
}

variable "name" {
  description = "Name of the images in Glance."
  type        = string
  default     = "debian-12"
}

provider "rbd" {
  ceph = {
    pool = "images"
  }
}

# What instances were made of stays when the release goes.
resource "rbd_image_conversion" "release" {
  for_each   = var.releases
  name       = "${var.name}-${each.key}"
  on_destroy = "retain"
  source = {
    file   = each.value
    format = "qcow2"
  }
}

resource "rbd_snapshot" "golden" {
  for_each   = var.releases
  image      = rbd_image_conversion.release[each.key].spec
  name       = "golden"
  on_destroy = "retain"
}

resource "rbd_glance_image_location" "release" {
  for_each = var.releases
  snapshot = rbd_snapshot.golden[each.key].spec
  name     = var.name
  tags     = ["release-${each.key}"]
  hidden   = each.key != var.current

  # A release that is taken out of the map is hidden for good, and whoever has
  # its ID goes on. `terraform import` takes it up again.
  on_destroy = "hide"

  lifecycle {
    create_before_destroy = true # a release that is made anew is never missing
  }
}

output "image_id" {
  description = "Image of the current release."
  value       = rbd_glance_image_location.release[var.current].image_id
}
