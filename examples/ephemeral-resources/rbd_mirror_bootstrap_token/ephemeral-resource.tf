provider "rbd" {
  ceph = {
    user = "admin"
  }
}

ephemeral "rbd_mirror_bootstrap_token" "here" {
  pool = "mirror"
}

# In the other cluster, through an alias of the provider:
#
#   resource "rbd_mirror_pool" "there" {
#     provider = rbd.there
#     pool     = "mirror"
#     peer = {
#       bootstrap_token_wo         = ephemeral.rbd_mirror_bootstrap_token.here.token
#       bootstrap_token_wo_version = 1
#     }
#   }
