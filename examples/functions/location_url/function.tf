data "rbd_cluster" "this" {}

# For `glance location-add --url`
output "location" {
  value = provider::rbd::location_url(data.rbd_cluster.this.fsid, "images/debian-12@golden")
}
