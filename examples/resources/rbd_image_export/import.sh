# FILE,pool[/namespace]/image@snapshot; the file must have the content of the snapshot
terraform import rbd_image_export.golden /srv/images/debian-12.qcow2,images/debian-12@golden
