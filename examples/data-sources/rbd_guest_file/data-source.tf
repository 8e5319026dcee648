data "rbd_guest_file" "os_release" {
  image = "images/debian-12@golden"
  path  = "/etc/os-release"
}

# The version that the image says it is, for the name in the catalog
output "version" {
  value = one(regex("(?m)^VERSION_ID=\"?([^\"\n]+)", data.rbd_guest_file.os_release.content))
}
