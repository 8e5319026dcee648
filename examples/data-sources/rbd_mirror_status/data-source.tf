data "rbd_mirror_status" "golden" {
  image = "mirror/debian-12"
}

check "mirrored" {
  assert {
    condition     = data.rbd_mirror_status.golden.health != "ERROR"
    error_message = "Not mirrored any more: ${coalesce(data.rbd_mirror_status.golden.description, "nothing is reported")}"
  }
}
