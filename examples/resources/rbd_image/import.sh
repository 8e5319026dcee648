# SPDX-License-Identifier: MPL-2.0
# pool[/namespace]/image
terraform import rbd_image.data vms/web-1-data
