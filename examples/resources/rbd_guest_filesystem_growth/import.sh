# pool[/namespace]/image; what is still to grow, the next plan shows
terraform import rbd_guest_filesystem_growth.debian images/debian-12
