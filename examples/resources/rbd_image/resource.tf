# An empty disk for a virtual machine. A larger size grows it in place, another
# name renames it.
resource "rbd_image" "data" {
  pool = "vms"
  name = "web-1-data"
  size = "20GiB"
}
