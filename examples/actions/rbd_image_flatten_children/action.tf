# terraform apply -invoke=action.rbd_image_flatten_children.old
action "rbd_image_flatten_children" "old" {
  config {
    snapshot = "images/debian-12@golden"
  }
}
