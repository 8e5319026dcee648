data "rbd_image_checksum" "golden" {
  spec       = "images/debian-12@golden"
  algorithms = ["sha256", "sha512"]
}

# For whoever gets a copy, to see whether it is complete
output "sha512" {
  value = data.rbd_image_checksum.golden.sha512
}
