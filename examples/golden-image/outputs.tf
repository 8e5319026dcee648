output "cluster" {
  value = "Ceph ${data.rbd_cluster.this.version}, fsid ${data.rbd_cluster.this.fsid}"
}

output "snapshot" {
  value = rbd_snapshot.golden.spec
}

output "location_url" {
  value = rbd_glance_image_location.golden.location_url
}

output "glance_image_id" {
  value = rbd_glance_image_location.golden.image_id
}
