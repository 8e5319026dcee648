# pool = "images", namespace = "", image = "debian-12", snapshot = "golden"
output "parts" {
  value = provider::rbd::parse_spec("images/debian-12@golden")
}
