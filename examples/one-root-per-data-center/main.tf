# One root module, a tfvars and a state per data center. dc1 builds the releases, dc2
# copies them from there and registers them under the same names:
#
#   terraform workspace new dc1
#   terraform apply -var-file=dc1.tfvars
#   terraform workspace new dc2
#   terraform apply -var-file=dc2.tfvars
#
# While dc2 can't be reached, dc1 goes on as ever. While dc1 can't be reached, dc2 plans,
# applies and rolls back what it has: it knows dc1's releases from dc1's state. Only what
# is still to be copied is refused, with dc1's monitors in the error; -target leaves it out.
#
# A release that dc1 retires is retired in dc2 by the next run there.

terraform {
  required_version = ">= 1.10"

  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

variable "data_center" {
  description = "Where this run works: the cluster, and the cloud in clouds.yaml. The pool is that of Glance's store."
  type = object({
    fsid      = string
    conf_file = string
    user      = optional(string, "terraform")
    cloud     = string
    pool      = optional(string, "images")
    keep      = optional(number, 3)
  })
}

variable "copy_from" {
  description = "Where the releases are copied from: the cluster, and the workspace of its state. Without it they are built."
  type = object({
    fsid      = string
    conf_file = string
    user      = optional(string, "terraform")
    workspace = string
  })
  default = null
}

variable "name" {
  description = "Name of the images, in Glance and in RBD."
  type        = string
  default     = "debian-12"
}

variable "releases" {
  description = "qcow2 file of each release. Keys must sort by age."
  type        = map(string)
}

variable "current" {
  description = "The release that `openstack image list` shows."
  type        = string
}

provider "rbd" {
  ceph = {
    conf_file = var.data_center.conf_file
    user      = var.data_center.user
    fsid      = var.data_center.fsid
  }
  openstack = {
    cloud = var.data_center.cloud
  }
}

module "built" {
  # outside of this repository: "github.com/terraform-provider-rbd/terraform-provider-rbd//modules/golden-image?ref=v0.1.0"
  source = "../../modules/golden-image"
  count  = var.copy_from == null ? 1 : 0

  name       = var.name
  image_name = var.name
  data_center = {
    fsid = var.data_center.fsid
    pool = var.data_center.pool
    keep = var.data_center.keep
  }
  current  = var.current
  releases = { for key, file in var.releases : key => { source = { file = file, format = "qcow2" } } }
}

# What the other data center has, as its last apply left it. With a backend that is
# shared, such as http or s3, name that.
data "terraform_remote_state" "builder" {
  count     = var.copy_from == null ? 0 : 1
  backend   = "local"
  workspace = var.copy_from.workspace
  config    = {}
}

locals {
  copied = var.copy_from == null ? {} : try(data.terraform_remote_state.builder[0].outputs.releases, {})
}

# rbd export, rbd import
resource "rbd_image_replica" "release" {
  for_each = local.copied
  pool     = var.data_center.pool
  name     = "${var.name}-${each.key}"

  source = {
    snapshot  = each.value.snapshot
    conf_file = var.copy_from.conf_file
    user      = var.copy_from.user
    fsid      = var.copy_from.fsid
  }
}

resource "rbd_glance_image_location" "release" {
  for_each = local.copied
  snapshot = rbd_image_replica.release[each.key].snapshot
  name     = each.key == var.current ? var.name : "${var.name} ${each.key}"
  hidden   = each.key != var.current

  lifecycle {
    create_before_destroy = true
  }
}

output "image_id" {
  description = "ID of the current release in Glance."
  value       = try(module.built[0].image_id, rbd_glance_image_location.release[var.current].image_id, null)

  precondition {
    condition     = var.copy_from == null || contains(keys(local.copied), var.current)
    error_message = "${try(var.copy_from.workspace, "The other data center")} has no release ${var.current}: apply there first."
  }
}

output "releases" {
  description = "All releases that are kept, for data centers that copy them: `snapshot` of each."
  value       = { for key, release in try(module.built[0].releases, {}) : key => { snapshot = release.snapshot } }
}
