import {
  to = rbd_namespace.tenant
  identity = {
    pool = "volumes"
    name = "tenant-a"
  }
}
