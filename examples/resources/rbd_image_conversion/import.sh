# pool[/namespace]/image
terraform import rbd_image_conversion.debian images/debian-12
