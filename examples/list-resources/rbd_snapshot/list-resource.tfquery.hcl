# The snapshots of the golden image
list "rbd_snapshot" "golden" {
  provider = rbd

  config {
    image = "images/debian-12"
  }
}
