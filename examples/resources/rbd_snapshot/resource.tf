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

# Protected, so that virtual machines can be cloned from it
resource "rbd_snapshot" "golden" {
  image = rbd_image_conversion.debian.spec
  name  = "golden"
}
