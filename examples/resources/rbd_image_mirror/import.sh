# pool[/namespace]/image
terraform import rbd_image_mirror.golden mirror/debian-12
