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

# For a laptop, or a cloud that has another store
resource "rbd_image_export" "golden" {
  snapshot    = rbd_snapshot.golden.spec
  file        = "/srv/images/debian-12.qcow2"
  format      = "qcow2"
  compression = "zstd"
  file_mode   = "0644"
}
