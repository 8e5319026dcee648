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

resource "rbd_guest_sysprep" "debian" {
  image = rbd_image_conversion.debian.spec

  # all that virt-sysprep does by default, but for these two
  operations          = ["defaults"]
  disabled_operations = ["ssh-userdir", "logfiles"]

  # again whenever the image is made anew from another source
  triggers = {
    conversion = rbd_image_conversion.debian.revision
  }
}

resource "rbd_snapshot" "golden" {
  image = rbd_guest_sysprep.debian.spec
  name  = "golden-${rbd_guest_sysprep.debian.revision}"

  lifecycle {
    create_before_destroy = true
  }
}
