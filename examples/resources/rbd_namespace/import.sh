# pool/namespace
terraform import rbd_namespace.tenant volumes/tenant-a
