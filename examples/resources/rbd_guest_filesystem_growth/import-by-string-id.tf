# pool[/namespace]/image; what is still to grow, the next plan shows
import {
  to = rbd_guest_filesystem_growth.debian
  id = "images/debian-12"
}
