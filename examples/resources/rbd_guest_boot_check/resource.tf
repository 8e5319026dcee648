variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

resource "rbd_image_conversion" "debian" {
  pool = "images"
  name = "debian-12"

  source = {
    file   = var.debian_qcow2
    format = "qcow2"
  }
}

resource "rbd_snapshot" "golden" {
  image = rbd_image_conversion.debian.spec
  name  = "golden"
}

# What refers to rbd_guest_boot_check.debian.spec waits until the guest has come
# up, and is not made where it does not.
resource "rbd_guest_boot_check" "debian" {
  snapshot        = rbd_snapshot.golden.spec
  console_pattern = "login:|READY"
  failure_pattern = "Kernel panic|emergency mode"
  boot_timeout    = "10m"

  # a seed for cloud-init (NoCloud); the guest has no network all the same
  user_data = <<-EOT
    #cloud-config
    runcmd:
      - echo READY >/dev/ttyS0
  EOT
}

output "boot_seconds" {
  value = rbd_guest_boot_check.debian.seconds
}
