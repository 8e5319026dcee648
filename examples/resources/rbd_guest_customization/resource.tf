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

# Local packages go in with packages = ["acpid_2.0.34-1_amd64.deb", …], those of
# the network with install and network = true.
resource "rbd_guest_customization" "debian" {
  image = rbd_image_conversion.debian.spec

  mkdir       = ["/etc/cloud/cloud.cfg.d"]
  append_line = [{ path = "/etc/sysconfig/network", line = "NOZEROCONF=yes" }]
  hostname    = "golden"

  ssh_inject = {
    root = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8b4vWjGdTz5TjkmVxDbVbZ0OW4hVcQ0qV0aKbLw2Xk admin@example.org"]
  }

  run = [<<-EOT
    #!/bin/sh
    set -e
    echo 'datasource_list: [ OpenStack, ConfigDrive, None ]' >/etc/cloud/cloud.cfg.d/90-datasource.cfg
  EOT
  ]

  truncate = ["/etc/machine-id"]
}

resource "rbd_snapshot" "golden" {
  image = rbd_guest_customization.debian.spec
  name  = "golden-${rbd_guest_customization.debian.revision}"

  lifecycle {
    create_before_destroy = true
  }
}
