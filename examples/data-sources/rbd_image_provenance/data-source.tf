data "rbd_image_checksum" "golden" {
  spec       = "images/debian-12@golden"
  algorithms = ["sha256"]
}

data "rbd_image_provenance" "golden" {
  snapshot = "images/debian-12@golden"
  digest   = { sha256 = data.rbd_image_checksum.golden.sha256 }
}

# `terraform output -raw predicate` is what cosign signs
output "predicate" {
  value = data.rbd_image_provenance.golden.predicate
}

output "sha256" {
  value = data.rbd_image_checksum.golden.sha256
}

output "unknown" {
  value = data.rbd_image_provenance.golden.incomplete_reason
}
