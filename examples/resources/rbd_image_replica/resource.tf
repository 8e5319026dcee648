variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

resource "rbd_image_conversion" "debian" {
  pool = "images"
  name = "debian-12"

  source = {
    file   = var.debian_qcow2
    format = "qcow2"
  }
}

resource "rbd_snapshot" "golden" {
  image = rbd_image_conversion.debian.spec
  name  = "golden"

  # What has changed is told from what was copied last: it goes afterwards.
  lifecycle {
    create_before_destroy = true
  }
}

# In the provider's own cluster; into another one with, say,
#
#   provider = rbd.dc2
#   source = {
#     snapshot     = rbd_snapshot.golden.spec
#     conf_file    = "/etc/ceph/dc1.conf"
#     keyring_file = "/etc/ceph/dc1.client.terraform.keyring"
#     user         = "terraform"
#     fsid         = "b6f3cd1e-3a4c-4a4e-9a43-2c3b7d0a5f11"
#   }
resource "rbd_image_replica" "debian" {
  pool = "vms"
  name = "debian-12"

  source = {
    snapshot = rbd_snapshot.golden.spec
  }
}
