# terraform apply -invoke=action.rbd_image_mirror_resync.debian
action "rbd_image_mirror_resync" "debian" {
  config {
    image = "images/debian-12"
  }
}
