# terraform apply -invoke=action.rbd_image_sparsify.web
action "rbd_image_sparsify" "web" {
  config {
    image = "vms/web-1"
  }
}
