resource "rbd_image" "golden" {
  pool = "mirror"
  name = "debian-12"
  size = "10GiB"
}

# Primary in this data center. In the other one, through an alias of the provider:
#
#   resource "rbd_image_mirror" "dc2" {
#     provider = rbd.dc2
#     image    = "mirror/debian-12"
#     primary  = false
#   }
resource "rbd_image_mirror" "golden" {
  image   = rbd_image.golden.spec
  primary = true

  schedule = [
    { interval = "1d", start_time = "02:00:00+01:00" },
  ]
}
