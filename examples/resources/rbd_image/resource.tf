# An empty disk for a virtual machine. A larger size grows it in place, another
# name renames it. It goes to the trash for a month when it is destroyed.
resource "rbd_image" "data" {
  pool = "vms"
  name = "web-1-data"
  size = "20GiB"

  features = ["layering", "exclusive-lock", "object-map", "fast-diff"]
  metadata = { team = "web" }
  conf     = { rbd_qos_iops_limit = "2000" }

  on_destroy  = "trash"
  trash_delay = "720h"
}

# A state of it to go back to
resource "rbd_snapshot" "initial" {
  image = rbd_image.data.spec
  name  = "initial"
}

# A copy-on-write clone, which takes up no space to begin with; flatten = true
# makes it independent of its parent, in place.
resource "rbd_image" "test" {
  pool   = "vms"
  name   = "web-1-data-test"
  parent = rbd_snapshot.initial.spec
}
