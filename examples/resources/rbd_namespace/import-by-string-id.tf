# pool/namespace
import {
  to = rbd_namespace.tenant
  id = "volumes/tenant-a"
}
