# The other data center is gone:
# terraform apply -invoke=action.rbd_image_mirror_promote.debian
action "rbd_image_mirror_promote" "debian" {
  config {
    image = "images/debian-12"
    force = true
  }
}
