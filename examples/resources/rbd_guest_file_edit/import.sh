# pool[/namespace]/image; the files come from the configuration
terraform import rbd_guest_file_edit.debian images/debian-12
