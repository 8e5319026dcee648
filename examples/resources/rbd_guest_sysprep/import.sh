# pool[/namespace]/image; the next apply runs it
terraform import rbd_guest_sysprep.debian images/debian-12
