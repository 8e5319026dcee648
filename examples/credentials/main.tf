# Two clouds in one configuration: neither clouds.yaml nor OS_* is read.

terraform {
  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}

# In a pipeline: TF_VAR_dc1_secret and TF_VAR_dc2_password. An ephemeral
# variable is in no state and no plan.
variable "dc1_secret" {
  type      = string
  ephemeral = true
}

variable "dc2_password" {
  type      = string
  ephemeral = true
}

# With an application credential (`openstack application credential create`),
# which is for one project
provider "rbd" {
  openstack = {
    auth_url                      = "https://keystone.dc1.example.com/v3"
    application_credential_id     = "21dced0fd20347869b93710d2b98aae0"
    application_credential_secret = var.dc1_secret
  }
}

# With a user, and a private authority
provider "rbd" {
  alias = "dc2"

  openstack = {
    auth_url     = "https://keystone.dc2.example.com/v3"
    cacert_file  = "/etc/ssl/dc2-ca.pem"
    user_name    = "terraform"
    password     = var.dc2_password
    project_name = "images"
    domain_name  = "Default"
    region       = "RegionOne"
  }
}

data "rbd_glance_image" "dc1" {
  name = "debian-12"
}

data "rbd_glance_image" "dc2" {
  provider = rbd.dc2
  name     = "debian-12"
}
