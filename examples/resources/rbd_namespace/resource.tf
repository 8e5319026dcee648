resource "rbd_namespace" "tenant" {
  pool = "volumes"
  name = "tenant-a"
}

# Made after its namespace, and destroyed before it
resource "rbd_image" "data" {
  pool      = "volumes"
  namespace = rbd_namespace.tenant.name
  name      = "web-1-data"
  size      = "1GiB"
}
