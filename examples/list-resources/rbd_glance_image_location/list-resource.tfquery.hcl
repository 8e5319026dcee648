# The images that were registered by hand
list "rbd_glance_image_location" "debian" {
  provider = rbd

  config {
    pool       = "images"
    name_regex = "^debian-12"
    managed    = false
  }
}
