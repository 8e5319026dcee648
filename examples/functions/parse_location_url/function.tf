locals {
  location = provider::rbd::parse_location_url("rbd://4b5c8c0a-ff60-454b-a1b4-9747aa737d19/images/debian-12/golden")
}

# images/debian-12@golden
output "snapshot" {
  value = local.location.spec
}
