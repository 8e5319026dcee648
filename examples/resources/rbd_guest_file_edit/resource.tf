variable "debian_qcow2" {
  description = "Path of the qcow2 that Debian publishes"
  type        = string
}

variable "mirror_password" {
  description = "Password at the package mirror; in no plan and no state"
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

resource "rbd_guest_file_edit" "debian" {
  image = rbd_image_conversion.debian.spec

  files = {
    # made anew by the first boot of each virtual machine
    "/etc/machine-id" = {
      empty = true
    }

    # the network card of the machine that the image was taken from
    "/etc/udev/rules.d/70-persistent-net.rules" = {
      absent = true
    }

    "/etc/hosts" = {
      replace_lines = [
        {
          pattern = "^127\\.0\\.1\\.1\\s"
          line    = "127.0.1.1 golden"
        },
      ]
      append_lines = ["192.0.2.10 mirror.example.org"]
    }

    "/etc/motd" = {
      content = "Managed by the platform team.\n"
      mode    = "0644"
    }

    # written again when its version changes
    "/etc/mirror.netrc" = {
      content_wo         = "machine mirror.example.org login golden password ${var.mirror_password}\n"
      content_wo_version = 1
      mode               = "0600"
    }
  }
}

# Another snapshot whenever the files above change
resource "rbd_snapshot" "golden" {
  image = rbd_guest_file_edit.debian.spec
  name  = "golden-${rbd_guest_file_edit.debian.revision}"

  lifecycle {
    create_before_destroy = true
  }
}
