# What has been in the trash for a month:
# terraform apply -invoke=action.rbd_trash_purge.month
action "rbd_trash_purge" "month" {
  config {
    pool       = "vms"
    older_than = "720h"
  }
}

# These, whenever they got there, with their snapshots:
# terraform apply -invoke=action.rbd_trash_purge.tests
action "rbd_trash_purge" "tests" {
  config {
    pool             = "vms"
    names            = ["test-1", "test-2"]
    remove_snapshots = true
  }
}
