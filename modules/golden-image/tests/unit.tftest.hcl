# `terraform test`: the module by itself, without Ceph, Glance or an image.

mock_provider "rbd" {
  mock_data "rbd_cluster" {
    defaults = { fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19" }
  }
  mock_resource "rbd_image_conversion" {
    defaults = { spec = "images/converted" }
  }
  mock_resource "rbd_guest_filesystem_growth" {
    defaults = { spec = "images/grown", revision = "g1" }
  }
  mock_resource "rbd_guest_customization" {
    defaults = { spec = "images/customized", revision = "c1" }
  }
  mock_resource "rbd_guest_sysprep" {
    defaults = { spec = "images/prepared", revision = "s1" }
  }
  mock_resource "rbd_guest_file_edit" {
    defaults = { spec = "images/edited", revision = "e1" }
  }
  mock_resource "rbd_snapshot" {
    defaults = { spec = "images/edited@golden" }
  }
  mock_resource "rbd_guest_boot_check" {
    defaults = { spec = "images/booted@golden" }
  }
  mock_resource "rbd_glance_image_location" {
    defaults = { image_id = "6b2cbf5f-8d6d-4d5c-9c1e-0e5b6b8a3f1d" }
  }
}

variables {
  name        = "Debian 12"
  data_center = { fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19" }
  current     = "2026-11-01"
  releases = {
    "2026-11-01" = { source = { file = "debian-12.qcow2", format = "qcow2" } }
  }
}

run "a_source_alone" {
  assert {
    condition     = rbd_image_conversion.release["2026-11-01"].name == "debian-12-2026-11-01" && rbd_image_conversion.release["2026-11-01"].pool == "images"
    error_message = "The image has another name or pool."
  }
  assert {
    condition     = length(rbd_guest_filesystem_growth.release) + length(rbd_guest_customization.release) + length(rbd_guest_sysprep.release) + length(rbd_guest_file_edit.release) + length(rbd_guest_boot_check.release) == 0
    error_message = "A step is done that was not asked for."
  }
  assert {
    condition     = rbd_snapshot.release["2026-11-01"].image == "images/converted" && rbd_snapshot.release["2026-11-01"].name == "golden"
    error_message = "The snapshot is of something else, or has another name."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-11-01"].name == "Debian 12" && !rbd_glance_image_location.release["2026-11-01"].hidden
    error_message = "The record has another name, or is hidden."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-11-01"].on_destroy == "delete" && rbd_image_conversion.release["2026-11-01"].on_destroy == "delete"
    error_message = "Something else happens on destroy."
  }
  assert {
    condition     = output.image_id == "6b2cbf5f-8d6d-4d5c-9c1e-0e5b6b8a3f1d" && length(output.retired) == 0
    error_message = "The outputs say something else."
  }
}

run "every_step" {
  variables {
    releases = {
      "2026-11-01" = {
        source        = { url = "https://example.com/debian-12.qcow2", checksums_url = "https://example.com/SHA512SUMS", format = "qcow2" }
        size          = "5GiB"
        grow          = true
        customization = { run_command = ["update-grub"] }
        sysprep       = {}
        files         = { "/etc/motd" = { content = "hello\n" } }
        boot_check    = { console_pattern = "login:" }
        properties    = { hw_disk_bus = "scsi" }
        tags          = ["golden"]
        min_ram       = 512
      }
    }
  }

  assert {
    condition     = rbd_guest_filesystem_growth.release["2026-11-01"].image == "images/converted" && rbd_guest_customization.release["2026-11-01"].image == "images/grown"
    error_message = "Growth or customization comes after something else."
  }
  assert {
    condition     = rbd_guest_sysprep.release["2026-11-01"].image == "images/customized" && rbd_guest_sysprep.release["2026-11-01"].triggers["customization"] == "c1"
    error_message = "sysprep does not come after the customization, or not again with it."
  }
  assert {
    condition     = rbd_guest_file_edit.release["2026-11-01"].image == "images/prepared" && rbd_snapshot.release["2026-11-01"].image == "images/edited"
    error_message = "The edit or the snapshot comes after something else."
  }
  assert {
    condition     = rbd_snapshot.release["2026-11-01"].name == "golden-${substr(sha256("g1 c1 s1 e1"), 0, 12)}"
    error_message = "The snapshot's name does not tell all steps."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-11-01"].snapshot == "images/booted@golden"
    error_message = "What is registered was not booted."
  }
}

# The older one of two is current.
run "current" {
  variables {
    current = "2026-10-01"
    releases = {
      "2026-10-01" = { source = { file = "a.qcow2", format = "qcow2" } }
      "2026-11-01" = { source = { file = "b.qcow2", format = "qcow2" } }
    }
  }

  assert {
    condition     = rbd_glance_image_location.release["2026-10-01"].name == "Debian 12" && !rbd_glance_image_location.release["2026-10-01"].hidden
    error_message = "The current one is not shown under the name."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-11-01"].name == "Debian 12 2026-11-01" && rbd_glance_image_location.release["2026-11-01"].hidden
    error_message = "The other one is not hidden under a name of its own."
  }
}

# Of four, the newest two stay, and the current one.
run "keep" {
  variables {
    data_center = { fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19", keep = 2, retired = "hide" }
    current     = "2026-08-01"
    releases = {
      "2026-08-01" = { source = { file = "a.qcow2", format = "qcow2" } }
      "2026-09-01" = { source = { file = "b.qcow2", format = "qcow2" } }
      "2026-10-01" = { source = { file = "c.qcow2", format = "qcow2" } }
      "2026-11-01" = { source = { file = "d.qcow2", format = "qcow2" } }
    }
  }

  assert {
    condition     = sort(keys(rbd_glance_image_location.release)) == tolist(["2026-08-01", "2026-10-01", "2026-11-01"]) && output.retired == ["2026-09-01"]
    error_message = "Others stay."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-10-01"].on_destroy == "hide" && rbd_snapshot.release["2026-10-01"].on_destroy == "retain" && rbd_image_conversion.release["2026-10-01"].on_destroy == "retain"
    error_message = "What is retired does not stay for those who use it."
  }
}

run "scs" {
  variables {
    data_center = { fsid = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19", keep = 3 }
    scs = {
      os_distro           = "debian"
      os_version          = "12"
      min_ram             = 512
      image_source        = "https://example.com/debian-12.qcow2"
      image_description   = "https://example.com/debian-12"
      image_original_user = "debian"
      replace_frequency   = "monthly"
      provided_until      = "2028-06-30"
      hotfix_hours        = 0
    }
  }

  assert {
    condition = rbd_glance_image_location.release["2026-11-01"].properties == tomap({
      architecture        = "x86_64"
      hotfix_hours        = "0"
      hw_disk_bus         = "scsi"
      hw_rng_model        = "virtio"
      hw_scsi_model       = "virtio-scsi"
      image_build_date    = "2026-11-01"
      image_description   = "https://example.com/debian-12"
      image_original_user = "debian"
      image_source        = "https://example.com/debian-12.qcow2"
      os_distro           = "debian"
      os_purpose          = "generic"
      os_version          = "12"
      provided_until      = "2028-06-30"
      replace_frequency   = "monthly"
      uuid_validity       = "last-3"
    })
    error_message = "The properties are not those of the standard."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-11-01"].min_ram == 512
    error_message = "min_ram is another."
  }
}

run "another_cluster" {
  command = plan

  variables {
    data_center = { fsid = "a7f64266-0894-4f1e-a635-d0aeaca0e993" }
  }
  expect_failures = [data.rbd_cluster.this]
}

run "a_current_that_is_none" {
  command = plan

  variables {
    current = "2026-12-01"
  }
  expect_failures = [var.current]
}

run "odd_inputs" {
  command = plan

  variables {
    name       = ""
    image_name = "a/b"
    data_center = {
      fsid       = "x"
      visibility = "everybody"
      members    = ["a"]
      keep       = 0
      retired    = "forget"
    }
    current = "a b"
    releases = {
      "a b" = { source = { format = "qcow2" }, files = {}, build_date = "yesterday" }
    }
  }
  expect_failures = [var.name, var.image_name, var.data_center, var.releases]
}

run "odd_metadata" {
  command = plan

  variables {
    scs = {
      os_distro           = "debian"
      os_version          = "12"
      os_purpose          = "fun"
      min_ram             = 512
      image_source        = "somewhere"
      image_description   = ""
      image_original_user = "debian"
      replace_frequency   = "sometimes"
      provided_until      = "later"
      uuid_validity       = "last-0"
    }
  }
  expect_failures = [var.scs]
}

run "a_release_without_a_date" {
  command = plan

  variables {
    current = "v1"
    releases = {
      v1 = { source = { file = "debian-12.qcow2", format = "qcow2" } }
    }
    scs = {
      os_distro           = "debian"
      os_version          = "12"
      min_ram             = 512
      image_source        = "private"
      image_description   = "what it is"
      image_original_user = "none"
      replace_frequency   = "never"
      provided_until      = "none"
    }
  }
  expect_failures = [var.scs]
}
