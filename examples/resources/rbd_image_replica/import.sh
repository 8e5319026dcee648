# pool[/namespace]/image, of an image that this resource has made
terraform import rbd_image_replica.debian vms/debian-12
