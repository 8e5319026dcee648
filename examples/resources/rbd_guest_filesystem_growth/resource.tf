variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

resource "rbd_image_conversion" "debian" {
  pool = "images"
  name = "debian-12"
  size = "256MiB"

  source = {
    file   = var.debian_qcow2
    format = "qcow2"
  }
}

# The partition and the root file system reach the end of the image, whenever
# size is raised.
resource "rbd_guest_filesystem_growth" "debian" {
  image = rbd_image_conversion.debian.spec
}

# Another snapshot whenever something has grown
resource "rbd_snapshot" "golden" {
  image = rbd_guest_filesystem_growth.debian.spec
  name  = "golden-${rbd_guest_filesystem_growth.debian.revision}"

  lifecycle {
    create_before_destroy = true
  }
}
