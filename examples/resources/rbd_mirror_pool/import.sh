# pool[/namespace]
terraform import rbd_mirror_pool.tenant mirror/tenant-a
