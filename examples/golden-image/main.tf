# From a publisher's qcow2 to a golden image that Nova and Cinder clone:
# converted to raw in RBD and grown, cleaned, snapshotted, registered in Glance.

terraform {
  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

provider "rbd" {
  ceph = {
    pool = var.pool
    fsid = var.fsid
  }
}

data "rbd_cluster" "this" {}

# qemu-img convert -O raw, qemu-img resize
resource "rbd_image_conversion" "golden" {
  name = var.name
  size = var.size
  source = {
    file   = var.source_file
    format = "qcow2"
  }
}

# guestfish, once for all files
resource "rbd_guest_file_edit" "golden" {
  image = rbd_image_conversion.golden.spec
  files = {
    "/etc/fstab" = {
      remove_lines = ["^LABEL=gone\\s"]
    }
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      empty = true
    }
    "/etc/sysconfig/network-scripts/ifcfg-eth0" = {
      replace_lines = [{ pattern = "^ONBOOT=", line = "ONBOOT=yes" }]
    }
  }
}

# rbd snap create, rbd snap protect: a new one whenever the edit's result changes
resource "rbd_snapshot" "golden" {
  image = rbd_guest_file_edit.golden.spec
  name  = "golden-${rbd_guest_file_edit.golden.revision}"
}

# glance image-create --location rbd://…
resource "rbd_glance_image_location" "golden" {
  snapshot = rbd_snapshot.golden.spec
  name     = var.name
  tags     = ["golden"]
  properties = {
    hw_disk_bus         = "scsi"
    hw_scsi_model       = "virtio-scsi"
    hw_qemu_guest_agent = "yes"
    os_type             = "linux"
  }
}
