# pool[/namespace]/image@snapshot; the next apply boots it
import {
  to = rbd_guest_boot_check.debian
  id = "images/debian-12@golden"
}
