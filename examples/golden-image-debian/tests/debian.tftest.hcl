# `terraform test`, without Ceph, Glance or a guest: the order of the steps, and that
# only what has come up is registered.

mock_provider "rbd" {
  mock_resource "rbd_image_conversion" {
    defaults = { spec = "images/debian-12-build" }
  }

  mock_resource "rbd_guest_filesystem_growth" {
    defaults = { spec = "images/debian-12-build" }
  }

  mock_resource "rbd_guest_file_edit" {
    defaults = { spec = "images/debian-12-build", revision = "edited" }
  }

  mock_resource "rbd_guest_customization" {
    defaults = { spec = "images/debian-12-build", revision = "customized" }
  }

  mock_resource "rbd_guest_sysprep" {
    defaults = { spec = "images/debian-12-build", revision = "cleaned" }
  }

  mock_resource "rbd_snapshot" {
    defaults = { spec = "images/debian-12-cleaned@golden" }
  }

  mock_resource "rbd_guest_boot_check" {
    defaults = { spec = "images/debian-12-cleaned@golden" }
  }
}

variables {
  debian_qcow2 = "debian-12.qcow2"
  packages     = "tests/packages" # an empty file stands for a package
}

run "debian" {
  assert {
    condition     = rbd_guest_customization.build.triggers.edit == "edited" && rbd_guest_sysprep.build.triggers.customization == "customized"
    error_message = "A step is not run again when the one before it has changed."
  }

  assert {
    condition     = rbd_image_conversion.golden.name == "debian-12-cleaned"
    error_message = "The golden image's name does not tell what was cleaned."
  }

  assert {
    condition     = rbd_glance_image_location.golden.snapshot == rbd_guest_boot_check.golden.spec
    error_message = "What is registered is not what has come up."
  }
}
