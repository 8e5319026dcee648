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
}

# What Nova and Cinder clone from
resource "rbd_glance_image_location" "debian" {
  snapshot = rbd_snapshot.golden.spec
  name     = "Debian 12"
  min_ram  = 512
  tags     = ["golden"]

  properties = {
    hw_disk_bus         = "scsi"
    hw_scsi_model       = "virtio-scsi"
    hw_qemu_guest_agent = "yes"
    os_distro           = "debian"
  }
}
