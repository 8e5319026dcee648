# terraform apply -invoke=action.rbd_trash_restore.web
action "rbd_trash_restore" "web" {
  config {
    pool     = "vms"
    name     = "web-1"
    new_name = "web-1-restored"
  }
}
