# `terraform test`, without Ceph or Glance: which release is shown.

mock_provider "rbd" {
  mock_resource "rbd_image_conversion" {
    defaults = { spec = "images/debian-12-1" }
  }

  mock_resource "rbd_snapshot" {
    defaults = { spec = "images/debian-12-1@golden" }
  }
}

variables {
  releases = { "1" = "debian-12-1.qcow2", "2" = "debian-12-2.qcow2" }
  current  = "1"
}

run "first" {
  assert {
    condition     = [for r in rbd_glance_image_location.release : r.tags if !r.hidden] == [toset(["release-1"])]
    error_message = "The first release is not the one that is shown."
  }
}

run "second" {
  variables {
    current = "2"
  }

  assert {
    condition     = [for r in rbd_glance_image_location.release : r.tags if !r.hidden] == [toset(["release-2"])]
    error_message = "The second release is not the one that is shown."
  }

  assert {
    condition     = rbd_glance_image_location.release["1"].image_id == run.first.image_id
    error_message = "The release that was current has another ID."
  }
}
