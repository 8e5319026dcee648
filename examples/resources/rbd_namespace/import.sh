# SPDX-License-Identifier: MPL-2.0
# pool/namespace
terraform import rbd_namespace.tenant volumes/tenant-a
