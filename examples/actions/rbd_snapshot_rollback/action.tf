# terraform apply -invoke=action.rbd_snapshot_rollback.web
action "rbd_snapshot_rollback" "web" {
  config {
    snapshot           = "vms/web-1@before-upgrade"
    keep_undo_snapshot = "after-upgrade"
  }
}
