# pool[/namespace]/image@snapshot; the next apply boots it
terraform import rbd_guest_boot_check.debian images/debian-12@golden
