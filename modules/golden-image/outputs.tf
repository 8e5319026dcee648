output "image_id" {
  description = "ID of the current release in Glance."
  value       = rbd_glance_image_location.release[var.current].image_id
}

output "snapshot" {
  description = "Spec of the current release's snapshot, for clones and replicas."
  value       = rbd_snapshot.release[var.current].spec
}

output "releases" {
  description = "All releases that are kept, by key: `image_id`, `name` and `hidden` in Glance, `snapshot` and `location_url` in RBD."
  value = { for key, record in rbd_glance_image_location.release : key => {
    image_id     = record.image_id
    name         = record.name
    hidden       = record.hidden
    snapshot     = rbd_snapshot.release[key].spec
    location_url = record.location_url
  } }
}

output "retired" {
  description = "Keys of the releases that are not kept any more."
  value       = [for key in sort(keys(var.releases)) : key if !contains(keys(local.releases), key)]
}
