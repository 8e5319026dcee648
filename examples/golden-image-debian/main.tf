# Debian for OpenStack, step by step as OpenStack's image guide has it, without a
# machine that somebody logs in to. docs/guides/debian-image.md goes through it.

terraform {
  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

variable "debian_qcow2" {
  description = "qcow2 of an installed Debian, or one that Debian publishes."
  type        = string
}

variable "packages" {
  description = "Folder with the packages of cloud-init, cloud-guest-utils and acpid, and of what they need and the guest does not have."
  type        = string
}

variable "name" {
  description = "Name of the image in Glance; names in RBD begin with it."
  type        = string
  default     = "debian-12"
}

provider "rbd" {
  ceph = {
    pool = "images"
  }
}

# qemu-img convert -O raw, rbd resize
resource "rbd_image_conversion" "build" {
  name = "${var.name}-build"
  size = "1GiB"
  source = {
    file   = var.debian_qcow2
    format = "qcow2"
  }
}

# growpart, resize2fs: before anything is installed, which needs the room
resource "rbd_guest_filesystem_growth" "build" {
  image = rbd_image_conversion.build.spec
}

# guestfish
resource "rbd_guest_file_edit" "build" {
  image = rbd_guest_filesystem_growth.build.spec
  files = {
    # `openstack console log show` is the first serial port
    "/etc/default/grub" = {
      replace_lines = [{
        pattern = "^GRUB_CMDLINE_LINUX="
        line    = "GRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8\""
      }]
    }

    # What NOZEROCONF=yes is elsewhere: this gives each card a route for
    # 169.254.0.0/16, where the metadata service is.
    "/etc/network/if-up.d/avahi-autoipd" = { absent = true }

    # `dpkg-reconfigure cloud-init`; NoCloud is the seed of the boot check
    "/etc/cloud/cloud.cfg.d" = { directory = true }
    "/etc/cloud/cloud.cfg.d/99-openstack.cfg" = {
      content = "datasource_list: [ NoCloud, ConfigDrive, OpenStack, None ]\n"
    }
  }
}

# virt-customize: dpkg -i, systemctl enable, update-grub
resource "rbd_guest_customization" "build" {
  image           = rbd_guest_file_edit.build.spec
  packages        = [for file in sort(fileset(var.packages, "*.deb")) : "${var.packages}/${file}"]
  enable_services = ["acpid.service"]
  run_command     = ["update-grub"]
  triggers        = { edit = rbd_guest_file_edit.build.revision }
}

# virt-sysprep
resource "rbd_guest_sysprep" "build" {
  image    = rbd_guest_customization.build.spec
  triggers = { customization = rbd_guest_customization.build.revision }
}

# virt-sparsify: a copy without the zeros, of which nothing else changes anything
resource "rbd_image_conversion" "golden" {
  name     = "${var.name}-${rbd_guest_sysprep.build.revision}"
  sparsify = true
  source = {
    image  = rbd_guest_sysprep.build.spec
    format = "raw"
  }

  lifecycle {
    create_before_destroy = true
    replace_triggered_by  = [rbd_guest_sysprep.build.revision]
  }
}

# rbd snap create, rbd snap protect
resource "rbd_snapshot" "golden" {
  image = rbd_image_conversion.golden.spec
  name  = "golden"

  lifecycle {
    create_before_destroy = true
  }
}

# The first boot, on an overlay that is thrown away.
resource "rbd_guest_boot_check" "golden" {
  snapshot        = rbd_snapshot.golden.spec
  console_pattern = "Cloud-init v\\..* finished at .*DataSourceNoCloud"
  failure_pattern = "Kernel panic|emergency mode"
  boot_timeout    = "10m"
  network         = "isolated"
  user_data       = "#cloud-config\nlocale: false\n"

  lifecycle {
    create_before_destroy = true
  }
}

# openstack image create: only what has come up
resource "rbd_glance_image_location" "golden" {
  snapshot = rbd_guest_boot_check.golden.spec
  name     = var.name
  min_ram  = 512
  properties = {
    hw_disk_bus   = "scsi"
    hw_scsi_model = "virtio-scsi"
    os_distro     = "debian"
    os_version    = "12"
    os_admin_user = "debian"
  }

  lifecycle {
    create_before_destroy = true
  }
}

output "image_id" {
  description = "Image in Glance."
  value       = rbd_glance_image_location.golden.image_id
}
