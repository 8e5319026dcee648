# The namespaces of the tenants
list "rbd_namespace" "tenants" {
  provider = rbd

  config {
    pool       = "volumes"
    name_regex = "^tenant-"
  }
}
