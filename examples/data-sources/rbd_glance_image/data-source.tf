# An image that somebody uploaded or registered by hand
data "rbd_glance_image" "debian" {
  name        = "debian-12"
  most_recent = true

  properties = {
    os_distro = "debian"
  }
}

# glance image-show → images/UUID → rbd info
data "rbd_image" "debian" {
  spec = data.rbd_glance_image.debian.image_spec
}

output "snapshot" {
  value = "${data.rbd_glance_image.debian.spec}, ${data.rbd_image.debian.size}"
}
