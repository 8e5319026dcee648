# `terraform test -test-directory=tests/lab -var=name=… -var='fsid="…"' -var='file="…"'`: on a
# cluster with a Glance. A release is made, changed and followed by another; then
# the first is current again, and then retired. All of it is destroyed in the end.

provider "rbd" {}

variables {
  data_center = { fsid = var.fsid, keep = 2 }

  october = {
    source     = { file = var.file, format = "qcow2" }
    size       = "100MiB"
    grow       = true
    files      = { "/etc/motd" = { content = "October, again\n" } }
    boot_check = { console_pattern = "^TINY-READY" }
    properties = { hw_disk_bus = "scsi" }
  }
  november = { source = { file = var.file, format = "qcow2" } }
}

run "first" {
  variables {
    current = "2026-10-01"
    releases = {
      "2026-10-01" = merge(var.october, { files = { "/etc/motd" = { content = "October\n" } } })
    }
  }

  assert {
    condition     = rbd_guest_filesystem_growth.release["2026-10-01"].filesystem_size_bytes > 90 * 1024 * 1024
    error_message = "The file system did not grow."
  }
  assert {
    condition     = endswith(output.releases["2026-10-01"].location_url, "/${replace(output.snapshot, "@", "/")}")
    error_message = "Another snapshot is registered."
  }
  assert {
    condition     = rbd_glance_image_location.release["2026-10-01"].status == "active" && output.releases["2026-10-01"].name == var.name
    error_message = "The record is not active, or has another name."
  }
}

# The edit has another result: another snapshot, and another record in place of the
# one before.
run "edited" {
  variables {
    current = "2026-10-01"
    releases = {
      "2026-10-01" = var.october
    }
  }

  assert {
    condition     = output.image_id != run.first.image_id && output.snapshot != run.first.snapshot
    error_message = "What was edited is not registered."
  }
}

run "second" {
  variables {
    current = "2026-11-01"
    releases = {
      "2026-10-01" = var.october
      "2026-11-01" = var.november
    }
  }

  assert {
    condition     = output.releases["2026-10-01"].image_id == run.edited.image_id && output.releases["2026-10-01"].hidden
    error_message = "The older release is another image, or shown."
  }
  assert {
    condition     = output.releases["2026-11-01"].name == var.name && output.releases["2026-10-01"].name == "${var.name} 2026-10-01"
    error_message = "The name does not lead to the new release."
  }
}

run "back" {
  variables {
    current = "2026-10-01"
    releases = {
      "2026-10-01" = var.october
      "2026-11-01" = var.november
    }
  }

  assert {
    condition     = output.image_id == run.edited.image_id && output.releases["2026-11-01"].image_id == run.second.image_id
    error_message = "A rollback gives an image another ID."
  }
}

run "retired" {
  variables {
    data_center = { fsid = var.fsid, keep = 1 }
    current     = "2026-11-01"
    releases = {
      "2026-10-01" = var.october
      "2026-11-01" = var.november
    }
  }

  assert {
    condition     = output.retired == ["2026-10-01"] && join(" ", keys(output.releases)) == "2026-11-01" && output.image_id == run.second.image_id
    error_message = "Something else was retired."
  }
}
