variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

variable "console_password" {
  description = "Password for the console during the check"
  type        = string
  ephemeral   = true
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

  # a seed for cloud-init (NoCloud), in no plan and no state; the guest has no
  # network all the same
  user_data_wo = <<-EOT
    #cloud-config
    password: ${var.console_password}
    chpasswd: { expire: false }
    runcmd:
      - echo READY >/dev/ttyS0
  EOT

  # another one boots the snapshot again
  user_data_wo_version = 1
}

output "boot_seconds" {
  value = rbd_guest_boot_check.debian.seconds
}
