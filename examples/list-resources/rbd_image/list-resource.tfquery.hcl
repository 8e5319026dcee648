# The images of the pool that no state has yet
list "rbd_image" "web" {
  provider = rbd
  limit    = 1000

  config {
    pool       = "vms"
    name_regex = "^web-"
    managed    = false
  }
}
