data "rbd_images" "debian" {
  pool       = "images"
  name_regex = "^debian-12"
  used       = true
}

# The images that take up space and that nobody manages here
output "unmanaged" {
  value = {
    for i in data.rbd_images.debian.images : i.spec => i.used_bytes
    if !i.managed
  }
}
