data "rbd_image" "debian" {
  spec = "images/debian-12"
}

# What a virtual machine may be cloned from
output "protected_snapshots" {
  value = [for s in data.rbd_image.debian.snapshots : s.name if s.protected]
}
