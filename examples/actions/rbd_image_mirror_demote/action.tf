# terraform apply -invoke=action.rbd_image_mirror_demote.debian
action "rbd_image_mirror_demote" "debian" {
  config {
    image = "images/debian-12"
  }
}
