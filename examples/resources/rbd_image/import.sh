# pool[/namespace]/image
terraform import rbd_image.data vms/web-1-data
