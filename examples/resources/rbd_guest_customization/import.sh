# pool[/namespace]/image; the next apply runs it
terraform import rbd_guest_customization.debian images/debian-12
