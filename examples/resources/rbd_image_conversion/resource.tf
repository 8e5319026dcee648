variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

resource "rbd_image_conversion" "debian" {
  pool = "images"
  name = "debian-12"
  size = "10GiB"

  source = {
    file   = var.debian_qcow2
    format = "qcow2"
  }
}
