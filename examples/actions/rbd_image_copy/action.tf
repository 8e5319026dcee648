# terraform apply -invoke=action.rbd_image_copy.web
action "rbd_image_copy" "web" {
  config {
    image  = "vms/web-1"
    target = "archive/web-1"
  }
}
