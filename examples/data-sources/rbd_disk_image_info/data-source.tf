variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

data "rbd_disk_image_info" "debian" {
  file   = var.debian_qcow2
  format = "qcow2"
}

# For whoever chooses the size of a flavor
output "virtual_size_gib" {
  value = ceil(data.rbd_disk_image_info.debian.virtual_size_bytes / pow(1024, 3))
}
