# ID of the image in Glance
terraform import rbd_glance_image_location.debian 6b2cbf5f-8d6d-4d5c-9c1e-0e5b6b8a3f1d
