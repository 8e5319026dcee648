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
    user = "terraform"
    pool = "images"
    fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19" # of `ceph fsid`: any other cluster is refused
  }
  openstack = {
    cloud = "dc1"
  }
}

# qemu-img convert, rbd resize
resource "rbd_image_conversion" "debian" {
  name = "debian-12"
  size = "5GiB"

  source = {
    file   = "debian-12.qcow2"
    format = "qcow2"
  }
}

# growpart, resize2fs
resource "rbd_guest_filesystem_growth" "debian" {
  image = rbd_image_conversion.debian.spec
}

# guestfish
resource "rbd_guest_file_edit" "debian" {
  image = rbd_guest_filesystem_growth.debian.spec

  files = {
    "/etc/motd" = { content = "Debian 12, made by Terraform\n" }
  }
}

# rbd snap create, rbd snap protect
resource "rbd_snapshot" "debian" {
  image = rbd_guest_file_edit.debian.spec
  name  = "golden-${rbd_guest_file_edit.debian.revision}"

  lifecycle {
    create_before_destroy = true
  }
}

# glance image-create --location rbd://…
resource "rbd_glance_image_location" "debian" {
  snapshot = rbd_snapshot.debian.spec
  name     = "Debian 12"

  properties = {
    hw_disk_bus   = "scsi"
    hw_scsi_model = "virtio-scsi"
  }

  lifecycle {
    create_before_destroy = true
  }
}
